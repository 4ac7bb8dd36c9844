/** Properties, tagged paths and sensitive names in one metadata, together. Each is indexed, hashed and compared. */
export const METADATA_ENTRIES = 2_000;

/** Bounds on what a registry holds and compares; every refusal names the bound, its value and the measured value. */
export interface RegistryLimits {
  /** Versions of one subject, softly deleted ones included. */
  readonly versionsPerSubject: number;
  /** Versions that one check at a transitive level compares with. */
  readonly comparedVersions: number;
}

export const REGISTRY_LIMITS: RegistryLimits = { versionsPerSubject: 10_000, comparedVersions: 1_000 };
