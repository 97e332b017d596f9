/** What TypeScript's own library does not declare yet. */
declare const GPUBufferUsage: { readonly STORAGE: number; readonly COPY_SRC: number; readonly COPY_DST: number };
