import type { ComponentChildren } from "preact";

function Icon({ children }: { readonly children: ComponentChildren }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      {children}
    </svg>
  );
}

export const PlayIcon = () => <Icon><path d="M7 5.5v13l11-6.5z" class="icon-fill" /></Icon>;
export const PauseIcon = () => <Icon><path d="M8 5.5v13M16 5.5v13" /></Icon>;
export const CameraIcon = () => (
  <Icon>
    <path d="M4 8h3.5L9 5.5h6L16.5 8H20v11H4z" />
    <circle cx="12" cy="13" r="3.4" />
  </Icon>
);
export const PictureIcon = () => (
  <Icon>
    <path d="M4 5h16v14H4zM4 16l4.5-4.5 4 4 2.5-2.5 5 5" />
    <circle cx="15.5" cy="9" r="1.4" />
  </Icon>
);
export const FilmIcon = () => <Icon><path d="M3.5 6h17v12h-17zM8 6v12M16 6v12M3.5 10H8M3.5 14H8M16 10h4.5M16 14h4.5" /></Icon>;
export const SaveIcon = () => <Icon><path d="M12 4v11M7.5 11l4.5 4.5 4.5-4.5M5 19.5h14" /></Icon>;
export const CloseIcon = () => <Icon><path d="M6 6l12 12M18 6L6 18" /></Icon>;
export const RecordIcon = () => <Icon><circle cx="12" cy="12" r="6" class="icon-fill" /></Icon>;

/** A bust in a few strokes: what belongs into the empty frame. */
export const Silhouette = () => (
  <svg class="silhouette" viewBox="0 0 200 220" aria-hidden="true" focusable="false">
    <path d="M100 28c-24 0-38 18-38 44 0 30 16 54 38 54s38-24 38-54c0-26-14-44-38-44z" />
    <path d="M82 122v20c-6 14-52 12-62 50v28M118 122v20c6 14 52 12 62 50v28" />
  </svg>
);
