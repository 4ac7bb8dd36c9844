import { forwardOnlyGlobal, modeUnknown, notPermitted } from './errors.js';
import { REGISTRY_MODES, type RegistryMode } from './model.js';
import { contextText, GLOBAL_CONTEXT, subjectText, type SubjectName } from './subject-name.js';

/** Whether versions are stored as they come: ids given, nothing checked or normalised. */
export function isImporting(mode: RegistryMode): boolean {
  return mode === 'IMPORT' || mode === 'FORWARD';
}

/** Whether the mode refuses writes of every kind. */
export function isReadOnly(mode: RegistryMode): boolean {
  return mode === 'READONLY' || mode === 'READONLY_OVERRIDE';
}

/** The mode of that name, in any case, if it may be set there. @throws `mode-unknown` */
export function modeNamed(name: string | null | undefined, scope: SubjectName): RegistryMode {
  const mode = REGISTRY_MODES.find((one) => one === name?.toUpperCase());
  if (mode === undefined) throw modeUnknown(String(name ?? ''), REGISTRY_MODES);
  if (mode === 'FORWARD' && !(scope.context === GLOBAL_CONTEXT && scope.name === '')) throw forwardOnlyGlobal();
  return mode;
}

/** @throws `operation-not-permitted` when the mode forbids changing versions and settings. */
export function requireWritable(mode: RegistryMode, subject: SubjectName): void {
  if (isReadOnly(mode)) throw notPermitted(`${place(subject)} is in read-only mode`, { mode });
}

/**
 * Registration asks more of the mode: an id only while importing, no id only otherwise.
 * @throws `operation-not-permitted`
 */
export function requireRegistrable(mode: RegistryMode, subject: SubjectName, id: number | undefined): void {
  requireWritable(mode, subject);
  if (id !== undefined && !isImporting(mode)) throw notPermitted(`${place(subject)} is not in import mode`, { mode });
  if (id === undefined && mode !== 'READWRITE')
    throw notPermitted(`${place(subject)} is not in read-write mode`, { mode });
}

/** A scope without a name prints as `null`, the default context as nothing: so does the reference. */
function place(subject: SubjectName): string {
  const name = subject.name === '' && subject.context === '.' ? 'null' : subjectText(subject);
  return `Subject ${name} in context ${contextText(subject.context)}`;
}
