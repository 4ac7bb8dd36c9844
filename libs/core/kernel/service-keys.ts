/**
 * Secrets that the service makes for itself, for signing what it hands out. All instances that share a metadata store get the same one under a name, and get it
 * again after a restart. The class is the injection token.
 */
export abstract class ServiceKeys {
  /** 32 random bytes, for ever the same under this name; made when it is asked for the first time, by whichever instance. */
  abstract key(name: string): Promise<Uint8Array>;
}
