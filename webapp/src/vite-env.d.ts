/// <reference types="vite/client" />

interface ImportMetaEnv {
  /** Of the package: see vite.config.ts. */
  readonly VIVANT_VERSION: string;
}
