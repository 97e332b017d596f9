// The page's side of "Live". gr.HTML provides `element`, `props`, `server` and `watch`; props.value is the seat's key.

const IN_FLIGHT = 2; // one frame travels while the other one is drawn
const SENT_WIDTH = 352; // pixels; the tracker looks at 192 of them
const FPS_WINDOW = 3000; // milliseconds
const find = (name) => element.querySelector(`.live-${name}`);

let key = ""; // of the running seat
let sent = 0; // frames, numbered
let shownLast = 0; // number of the frame on display
let shownAt = []; // when the latest frames came on display
let lastTime = -1; // of the camera, so that no picture is sent twice

function say(text) {
  find("said").textContent = text;
}

function setRunning(running) {
  for (const name of ["portrait", "camera"]) find(name).hidden = !running;
  find("empty").hidden = running;
  if (!running) {
    find("fps").textContent = find("milliseconds").textContent = "";
    find("portrait").removeAttribute("src");
  }
}

function stop(text = "") {
  if (key) server.leave_seat(key).catch(() => {});
  key = "";
  const camera = find("camera");
  for (const track of camera.srcObject?.getTracks() ?? []) track.stop();
  camera.srcObject = null;
  setRunning(false);
  say(text);
}

function nextFrame(camera) {
  return new Promise((resolve) => {
    if ("requestVideoFrameCallback" in camera) camera.requestVideoFrameCallback(resolve);
    else setTimeout(resolve, 15);
    setTimeout(resolve, 250); // a hidden page gets no callbacks
  });
}

function grab(camera, canvas) {
  canvas.width = SENT_WIDTH;
  canvas.height = Math.round((SENT_WIDTH * camera.videoHeight) / camera.videoWidth);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.setTransform(-1, 0, 0, 1, canvas.width, 0); // as in a mirror
  context.drawImage(camera, 0, 0, canvas.width, canvas.height);
  return canvas.toDataURL("image/jpeg", 0.75);
}

async function show(number, answer) {
  if (number < shownLast) return; // a later frame overtook this one
  shownLast = number;
  const portrait = find("portrait");
  portrait.src = answer.picture;
  await portrait.decode().catch(() => {});
  const now = performance.now();
  shownAt = [...shownAt.filter((at) => now - at < FPS_WINDOW), now];
  if (shownAt.length > 1) {
    const fps = (1000 * (shownAt.length - 1)) / (now - shownAt[0]);
    find("fps").textContent = `${fps.toFixed(1)} fps`;
  }
  find("milliseconds").textContent = `${answer.milliseconds.toFixed(0)} ms on the server`;
  say(answer.face ? "" : "No face in the camera's picture");
}

async function pump(camera, mine) {
  const canvas = document.createElement("canvas");
  while (key === mine) {
    while (key === mine && (camera.readyState < 2 || camera.currentTime === lastTime)) await nextFrame(camera);
    if (key !== mine) return;
    lastTime = camera.currentTime;
    const number = ++sent;
    let answer;
    try {
      answer = await server.show_frame(mine, grab(camera, canvas));
    } catch {
      answer = { error: "The connection to the server was lost." };
    }
    if (key !== mine) return;
    if (answer.error) return stop(answer.error);
    await show(number, answer);
  }
}

async function start(mine) {
  stop();
  key = mine;
  sent = shownLast = 0;
  shownAt = [];
  const camera = find("camera");
  try {
    const size = { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 30 }, facingMode: "user" };
    camera.srcObject = await navigator.mediaDevices.getUserMedia({ video: size, audio: false });
    await camera.play();
  } catch (error) {
    return stop(`The camera cannot be used: ${error.message || error.name || "it is not allowed here"}.`);
  }
  if (key !== mine) return;
  setRunning(true);
  say("Waiting for the first frame");
  for (let i = 0; i < IN_FLIGHT; i++) pump(camera, mine);
}

watch("value", () => {
  if (props.value && props.value !== key) start(props.value);
});
// The buttons are the page's, and may come into being after this.
document.addEventListener("click", async ({ target }) => {
  if (!key || !(target instanceof Element)) return;
  if (target.closest("#live-stop")) stop();
  else if (target.closest("#live-neutral")) {
    const answer = await server.take_neutral(key);
    say(answer.error ?? "Your face now counts as neutral");
  }
});
window.addEventListener("pagehide", () => stop());
