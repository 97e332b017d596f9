import { useRef } from "preact/hooks";
import { texts } from "../texts/language";
import { FileButton } from "./file-button";
import { CloseIcon, PictureIcon } from "./icons";
import { type OtherPhoto, OTHERS_PLACE, type Refusal } from "./others";
import type { Studio } from "./studio";

/** More photos of the person, which lend the portrait mouth and eyes. */
export function OtherPhotosGroup({ studio }: { readonly studio: Studio }) {
  const t = texts.value.others;
  const { others } = studio;
  const photos = others.photos.value;
  const section = useRef<HTMLElement>(null);
  /** The focus goes on to the next photo, or where photos are added. */
  const remove = (photo: OtherPhoto, tile: HTMLElement) => {
    const beside = tile.nextElementSibling ?? tile.previousElementSibling;
    const next = beside?.querySelector("button") ?? section.current?.querySelector("input");
    next?.focus();
    void others.remove(photo);
  };
  return (
    <section ref={section} class={`group ${OTHERS_PLACE}`} aria-labelledby="others-heading">
      <h2 id="others-heading">{t.heading}</h2>
      {photos.length === 0 ? <p class="quiet">{t.hint}</p> : (
        <ul class="tiles">
          {photos.map((photo) => <Tile key={photo.key} photo={photo} onRemove={remove} />)}
        </ul>
      )}
      <p class="quiet tiles-state" role="status">{stateOf(studio)}</p>
      <div class="refusals" aria-live="polite">{others.refusals.value.map((refusal, i) => <p key={i}>{sentence(refusal)}</p>)}</div>
      <div class="row">
        <FileButton accept="image/*" multiple onFiles={(files) => void others.add(files)}>
          <PictureIcon />
          {photos.length === 0 ? t.add : t.more}
        </FileButton>
      </div>
      <p class="others-drop" aria-hidden="true">{t.dropHere}</p>
    </section>
  );
}

interface TileProps {
  readonly photo: OtherPhoto;
  readonly onRemove: (photo: OtherPhoto, tile: HTMLElement) => void;
}

function Tile({ photo, onRemove }: TileProps) {
  const t = texts.value.others;
  const { file: { name }, found } = photo;
  const tile = useRef<HTMLLIElement>(null);
  return (
    <li ref={tile} class="tile">
      {typeof found?.url === "string" ? <img src={found.url} alt={name} title={name} /> : <span class="tile-empty"><PictureIcon /></span>}
      {found === null && <progress aria-label={t.looking(name)} />}
      <button
        type="button"
        class="tile-remove"
        aria-label={t.remove(name)}
        onClick={() => { if (tile.current !== null) onRemove(photo, tile.current); }}
      >
        <CloseIcon />
      </button>
    </li>
  );
}

/** What is being looked at, or what came of it. */
function stateOf({ others }: Studio): string {
  const t = texts.value.others;
  const photos = others.photos.value;
  const working = photos.find(({ found }) => found === null);
  if (working !== undefined) return t.looking(working.file.name);
  const lenders = others.files.length;
  return lenders === 0 ? "" : t.lending(lenders + 1); // the portrait's own photo is one of them
}

function sentence({ name, problem }: Refusal): string {
  const { others, errors } = texts.value;
  const { refused } = others;
  return Object.hasOwn(refused, problem) ? refused[problem as keyof typeof refused](name) : errors[problem];
}
