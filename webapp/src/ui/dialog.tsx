import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { texts } from "../texts/language";
import { CloseIcon } from "./icons";

interface DialogProps {
  readonly name: string;
  readonly heading: string;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
}

/** A modal dialog: the browser's own, which keeps the focus inside. */
export function Dialog({ name, heading, onClose, children }: DialogProps) {
  const element = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const opener = document.activeElement;
    element.current?.showModal();
    // When it is taken off the page, the browser no longer knows where the focus was.
    return () => {
      if (opener instanceof HTMLElement) opener.focus();
    };
  }, []);
  return (
    <dialog
      ref={element}
      class={`dialog dialog-${name}`}
      aria-labelledby={`${name}-heading`}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onClick={(event) => {
        if (event.target === event.currentTarget) onClose(); // on the backdrop
      }}
    >
      <div class="dialog-body">
        <header class="dialog-head">
          <h2 id={`${name}-heading`}>{heading}</h2>
          <button type="button" class="button bare round" aria-label={texts.value.save.close} onClick={onClose}>
            <CloseIcon />
          </button>
        </header>
        {children}
      </div>
    </dialog>
  );
}
