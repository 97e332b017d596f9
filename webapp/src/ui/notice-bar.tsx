import { texts } from "../texts/language";
import { CloseIcon } from "./icons";
import type { Notice } from "./notice";
import type { Studio } from "./studio";

/** One sentence at the lower edge. It stays until it is closed or something new begins. */
export function NoticeBar({ studio }: { readonly studio: Studio }) {
  const notice = studio.notice.value;
  // Both regions are always there: screen readers only read what changes in a region that they know.
  return (
    <div class="notice-place">
      <div role="alert">{notice?.kind === "error" && <Sentence studio={studio} notice={notice} />}</div>
      <div role="status">{notice?.kind === "info" && <Sentence studio={studio} notice={notice} />}</div>
    </div>
  );
}

function Sentence({ studio, notice }: { readonly studio: Studio; readonly notice: Notice }) {
  const t = texts.value;
  const close = () => { studio.notice.value = null; };
  const { retry } = notice;
  return (
    <div class={`notice notice-${notice.kind}`}>
      <p>{notice.text(t)}</p>
      {retry !== undefined && (
        <button
          type="button"
          class="link"
          onClick={() => {
            close();
            retry();
          }}
        >
          {t.notice.retry}
        </button>
      )}
      <button type="button" class="button bare round" aria-label={t.notice.dismiss} onClick={close}>
        <CloseIcon />
      </button>
    </div>
  );
}
