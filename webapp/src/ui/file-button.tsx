import type { ComponentChildren } from "preact";

interface FileButtonProps {
  /** MIME pattern of the files that may be chosen. */
  readonly accept: string;
  readonly primary?: boolean;
  readonly onFile: (file: File) => void;
  readonly children: ComponentChildren;
}

/** A button that opens the browser's file dialog: a file input inside its label, so that every browser knows it. */
export function FileButton({ accept, primary = false, onFile, children }: FileButtonProps) {
  return (
    <label class={primary ? "button primary" : "button"}>
      <input
        class="visually-hidden"
        type="file"
        accept={accept}
        onChange={(event) => {
          const input = event.currentTarget;
          const file = input.files?.[0];
          input.value = ""; // so that the same file can be chosen again
          if (file !== undefined) onFile(file);
        }}
      />
      {children}
    </label>
  );
}
