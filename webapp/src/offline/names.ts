/** Caches that the service worker and the store of the models both know. */
export const MODEL_CACHE = "vivant-models-1";
