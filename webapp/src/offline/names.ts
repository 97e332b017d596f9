/** The cache that the service worker and the store of the models both know. */
export const MODEL_CACHE = "vivant-models-1";
/** Folders of the site that are not fetched with the page, but kept once a part of it asked for them. */
export const ON_DEMAND = /^(ort|credentials)\//;
