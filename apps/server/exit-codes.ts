/** What the exit code of the service says to whoever runs it. Values follow sysexits(3) where it has one. */
export const EXIT = {
  /** Stopped on request, everything flushed. */
  stopped: 0,
  /** A defect: an error nobody handled. What was acknowledged is safe; starting again is right. */
  defect: 70,
  /** The data directory, or a database in it, belongs to another process or is not what it should be. */
  unusableData: 73,
  /** The disk can no longer be trusted: a flush failed. Starting again verifies the log from disk. */
  fatalStorage: 74,
  /** A dependency named in the configuration cannot be reached; starting again later may help. */
  unavailable: 75,
  /** The configuration is not valid; starting again does not help. */
  configuration: 78,
  /** Told twice to stop: flushed, but did not wait for what was under way. */
  hurried: 143,
} as const;
