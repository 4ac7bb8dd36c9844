import { DEFAULT_LEVEL, type CompatibilityLevel, type CompatibilityPolicy } from '#libs/core/schema';
import type { RegistrationPolicy, RegistryConfig, RegistryMode, SubjectState } from './model.js';
import { DEFAULT_CONTEXT } from './subject-name.js';

/** An update of settings: an absent member keeps its value, `null` clears it. */
export type ConfigUpdate = { readonly [Name in keyof RegistryConfig]?: RegistryConfig[Name] | null };

/** The settings after an update, members in the order of {@link CONFIG_MEMBERS}. */
export function updatedConfig(stored: RegistryConfig | null, update: ConfigUpdate): RegistryConfig {
  const result: Record<string, unknown> = {};
  for (const name of CONFIG_MEMBERS) {
    const value = update[name] === undefined ? stored?.[name] : update[name];
    if (value !== undefined && value !== null) result[name] = value;
  }
  return result;
}

/** In the order in which answers print them. */
export const CONFIG_MEMBERS = [
  'alias',
  'aliasForDeks',
  'normalize',
  'validateFields',
  'validateNewSchemas',
  'validateRules',
  'compatibility',
  'compatibilityPolicy',
  'compatibilityGroup',
  'defaultMetadata',
  'overrideMetadata',
  'defaultRuleSet',
  'overrideRuleSet',
] as const satisfies readonly (keyof RegistryConfig)[];

/** The states that decide what holds for a subject, nearest first. Entries may coincide (a subject of the default context and its scope). */
export interface Scopes {
  readonly subject: SubjectState;
  readonly context: SubjectState;
  /** Scope of the default context, "global" in the words of the API. */
  readonly defaultContext: SubjectState;
  readonly allContexts: SubjectState;
}

/** Members that a subject with settings of its own takes from the global entry where it does not set them. */
const FALL_BACK = [
  'normalize',
  'validateFields',
  'validateNewSchemas',
  'validateRules',
  'compatibilityPolicy',
  'compatibilityGroup',
] as const satisfies readonly (keyof RegistryConfig)[];

/**
 * The settings in force (contract 3.10): those of the subject; if it has none, those of its context, then of all contexts. A subject with settings but no
 * level has the service's default level, not the global one; a few members fall back one by one.
 */
export function effectiveConfig(scopes: Scopes): RegistryConfig {
  const own = scopes.subject.config;
  if (own === null) return scopes.context.config ?? scopes.allContexts.config ?? {};
  const global = scopes.defaultContext.config;
  if (global === null || scopes.subject === scopes.defaultContext) return own;
  const inherited: Record<string, unknown> = {};
  for (const name of FALL_BACK)
    if (own[name] === undefined && global[name] !== undefined) inherited[name] = global[name];
  return { ...own, ...inherited };
}

/** The compatibility level of settings; BACKWARD where they have none. */
export function levelOf(config: RegistryConfig): CompatibilityLevel {
  return config.compatibility ?? DEFAULT_LEVEL;
}

/** The policy by which JSON Schemas are compared; STRICT where the settings have none. */
export function policyOf(config: RegistryConfig): CompatibilityPolicy {
  return config.compatibilityPolicy ?? 'STRICT';
}

/** The mode in force (contract 3.8). */
export function effectiveMode(scopes: Scopes): RegistryMode {
  return scopes.subject.mode ?? scopes.context.mode ?? scopes.allContexts.mode ?? 'READWRITE';
}

/** Who may register new schemas: what is set nearest, otherwise what the service is set to. */
export function effectiveRegistration(scopes: Scopes, otherwise: RegistrationPolicy): RegistrationPolicy {
  return scopes.subject.registration ?? scopes.context.registration ?? scopes.allContexts.registration ?? otherwise;
}

/** Whether this scope answers with the service's defaults when nothing is stored, instead of "not found". */
export function hasDefaults(scope: { readonly context: string; readonly name: string }): boolean {
  return scope.name === '' && (scope.context === DEFAULT_CONTEXT || scope.context === '.__GLOBAL');
}
