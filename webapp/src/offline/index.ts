/** Working without a connection. */
export { registerServiceWorker } from "./register";
