import { texts } from "../texts/language";
import { CloseIcon } from "./icons";
import type { Studio } from "./studio";

/** One sentence at the lower edge. It stays until it is closed or something new begins. */
export function NoticeBar({ studio }: { readonly studio: Studio }) {
  const t = texts.value;
  const notice = studio.notice.value;
  return (
    <div class="notice-place" role={notice?.kind === "error" ? "alert" : "status"}>
      {notice !== null && (
        <div class={`notice notice-${notice.kind}`}>
          <p>{notice.text(t)}</p>
          {notice.retry !== undefined && (
            <button
              type="button"
              class="link"
              onClick={() => {
                studio.notice.value = null;
                notice.retry?.();
              }}
            >
              {t.notice.retry}
            </button>
          )}
          <button
            type="button"
            class="button bare round"
            aria-label={t.notice.dismiss}
            onClick={() => { studio.notice.value = null; }}
          >
            <CloseIcon />
          </button>
        </div>
      )}
    </div>
  );
}
