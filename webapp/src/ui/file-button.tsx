import type { ComponentChildren } from "preact";

interface FileButtonProps {
  /** MIME pattern of the files that may be chosen. */
  readonly accept: string;
  readonly primary?: boolean;
  readonly multiple?: boolean;
  readonly onFile?: (file: File) => void;
  /** Of `multiple`. */
  readonly onFiles?: (files: readonly File[]) => void;
  readonly children: ComponentChildren;
}

/** A button that opens the browser's file dialog: a file input inside its label, so that every browser knows it. */
export function FileButton({ accept, primary = false, multiple = false, onFile, onFiles, children }: FileButtonProps) {
  return (
    <label class={primary ? "button primary" : "button"}>
      <input
        class="visually-hidden"
        type="file"
        accept={accept}
        multiple={multiple}
        onChange={(event) => {
          const input = event.currentTarget;
          const files = [...(input.files ?? [])];
          input.value = ""; // so that the same file can be chosen again
          const [file] = files;
          if (file === undefined) return;
          onFile?.(file);
          onFiles?.(files);
        }}
      />
      {children}
    </label>
  );
}
