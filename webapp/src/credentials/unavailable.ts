/** A file of the site that is needed now is not on this device and could not be fetched. */
export class Unavailable extends Error {}

/** What is being fetched. Throws Unavailable. */
export async function available<T>(fetched: Promise<T>): Promise<T> {
  try {
    return await fetched;
  } catch (error) {
    throw new Unavailable(String(error));
  }
}
