import { AppError, isAppError, isJsonObject, Semaphore, type JsonObject, type JsonValue } from '#libs/core/kernel';
import { DEFAULT_CONTEXT, GLOBAL_SCOPE, sameSubject, subjectText, type SubjectName } from '#libs/core/registry';
import type { MovedEntry, MovedVersion } from './entry.js';
import { associationFrom, configFrom, modeFrom, subjectFrom, versionFrom } from './read-entry.js';
import type { SourceAnswer, SourceRegistry } from './source-registry.js';

/** Some of what a registry holds. */
export interface SourcePage {
  readonly entries: readonly MovedEntry[];
  /** What could not be used, one sentence each. */
  readonly invalid: readonly string[];
}

/** Requests under way at a time. */
const AT_ONCE = 8;
/** What a registry may hold, so that a hostile one ends. */
const MAX_SUBJECTS = 1_000_000;
const MAX_VERSIONS = 100_000;
/** Versions of one subject in a page. */
const PAGE = 50;
/** Schemas asked for in one answer, each as long as a text may be; a registry may be set to give fewer. */
const LISTING = 10;
const MAX_ID = 2_147_483_647;

export interface ListedVersion {
  readonly version: number;
  readonly deleted: boolean;
}

/** The contents of a running registry, read through the Confluent API alone, as far back as releases without deletion marks, contexts and modes. */
export class ConfluentSource {
  readonly #places = new Semaphore(AT_ONCE);
  /** Releases before 8.2 know no associations. */
  #associates = true;

  constructor(
    private readonly registry: SourceRegistry,
    private readonly signal: AbortSignal,
  ) {}

  /** Contexts, the default one first. */
  async contexts(): Promise<readonly string[]> {
    const found = await this.#whole('/contexts', 'the list of contexts');
    const names = found.filter((one): one is string => typeof one === 'string');
    const usable = names.filter((name) => /^\.[^:\u0000-\u001f\u007f-\u009f]{0,200}$/.test(name));
    return [...new Set([DEFAULT_CONTEXT, ...usable])];
  }

  /** Names of subjects, those with deleted versions only too, ascending; with what could not be used. */
  async subjects(): Promise<{ readonly subjects: readonly SubjectName[]; readonly invalid: readonly string[] }> {
    const names = await this.#whole('/subjects?deleted=true', 'the list of subjects');
    if (names.length > MAX_SUBJECTS) throw tooMany('subjects', MAX_SUBJECTS, names.length);
    const subjects = new Map<string, SubjectName>();
    const invalid: string[] = [];
    for (const name of names) {
      try {
        const subject = subjectFrom(name, `subject '${String(name).slice(0, 100)}'`);
        subjects.set(subjectText(subject), subject);
      } catch (error) {
        invalid.push(messageOf(error));
      }
    }
    return { subjects: [...subjects].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, subject]) => subject), invalid };
  }

  /** Numbers of the versions of a subject, ascending, and which of them are softly deleted. */
  async versions(subject: SubjectName): Promise<readonly ListedVersion[]> {
    const path = `/subjects/${encodeURIComponent(subjectText(subject))}/versions`;
    const [live, all] = await Promise.all([this.#numbers(path), this.#numbers(`${path}?deleted=true`)]);
    const numbers = [...new Set([...all, ...live])].sort((a, b) => a - b);
    if (numbers.length > MAX_VERSIONS) throw tooMany('versions of one subject', MAX_VERSIONS, numbers.length);
    const isLive = new Set(live);
    return numbers.map((version) => ({ version, deleted: !isLive.has(version) }));
  }

  /** Everything about one subject, a page at a time. @param listed its versions, as {@link versions} gave them. */
  async *subject(subject: SubjectName, listed: readonly ListedVersion[]): AsyncGenerator<SourcePage> {
    const settings = await page([this.settings(subject)]);
    yield settings;
    yield await page([this.#associations(subject)]);
    const isAlias = settings.entries.some((one) => one.kind === 'config' && one.config.alias !== undefined);
    if (isAlias) return yield* this.#behindAlias(subject);
    for (let at = 0; at < listed.length; at += PAGE) {
      const some = listed.slice(at, at + PAGE);
      yield await page(
        some.map(async ({ version, deleted }) => [await this.#version(subject, version, deleted)] as const),
      );
    }
  }

  /** Names that stand for other subjects, as far as a registry lists them: releases without aliases list none. */
  async *aliases(): AsyncGenerator<SubjectName> {
    const seen = new Set<string>();
    for await (const found of this.#listed('%3A*%3A&aliases=true&latestOnly=true', MAX_SUBJECTS)) {
      for (const text of found.flatMap(aliasesOf)) {
        if (seen.has(text)) continue;
        seen.add(text);
        try {
          yield subjectFrom(text, `alias '${text.slice(0, 100)}'`);
        } catch (error) {
          messageOf(error);
        }
      }
    }
  }

  /** The highest id that a context ever gave out, where its registry tells; otherwise the one that is known. @param known an id that stands for something in the context. */
  async highestId(context: string, known: number): Promise<number> {
    const subject = encodeURIComponent(subjectText({ context, name: '' }));
    const json = await this.#get(`/schemas/ids/${known}?subject=${subject}&fetchMaxId=true`);
    const highest = isJsonObject(json) ? json['maxId'] : undefined;
    return typeof highest === 'number' && Number.isInteger(highest) && highest <= MAX_ID
      ? Math.max(known, highest)
      : known;
  }

  /** What is set for a subject or scope; what a registry answers without having stored anything counts as nothing. */
  async settings(scope: SubjectName): Promise<readonly MovedEntry[]> {
    const text = subjectText(scope);
    const below = text === '' ? '' : `/${encodeURIComponent(text)}`;
    const what = text === '' ? 'the default settings' : `the settings of '${text}'`;
    const [config, mode] = await Promise.all([this.#get(`/config${below}`), this.#get(`/mode${below}`)]);
    const entries: MovedEntry[] = [];
    if (config !== undefined) {
      const read = configFrom(config, what);
      const isDefault = scope.name === '' && read.compatibility === 'BACKWARD' && Object.keys(read).length === 1;
      if (!isDefault && Object.keys(read).length > 0) entries.push({ kind: 'config', scope, config: read });
    }
    if (mode !== undefined) {
      const read = modeFrom(mode, scope, what);
      if (scope.name !== '' || read !== 'READWRITE') entries.push({ kind: 'mode', scope, mode: read });
    }
    return entries;
  }

  /** Scopes beside subjects that may have settings. */
  scopes(contexts: readonly string[]): readonly SubjectName[] {
    const named = contexts.map((context) => ({ context, name: '' }));
    return contexts.length > 1 ? [...named, GLOBAL_SCOPE] : named;
  }

  async #associations(subject: SubjectName): Promise<readonly MovedEntry[]> {
    if (!this.#associates) return [];
    const text = subjectText(subject);
    const answer = await this.#get(`/associations/subjects/${encodeURIComponent(text)}`);
    if (answer === undefined) this.#associates = false;
    const what = `an association of subject '${text}'`;
    return listOf(answer ?? [], `the list of associations of '${text}'`).map((one) => ({
      kind: 'association',
      association: associationFrom(one, what),
    }));
  }

  /** The subject's own versions, where its name answers with those of another: lists of schemas look at no alias. */
  async *#behindAlias(subject: SubjectName): AsyncGenerator<SourcePage> {
    const text = subjectText(subject);
    for await (const found of this.#listed(encodeURIComponent(text), MAX_VERSIONS)) {
      // The name itself comes before those it begins.
      const own = found.filter((one) => one['subject'] === text);
      const reading = async (json: JsonObject) => {
        const version = Number(json['version']);
        return [versionFrom(json, subject, version, `version ${version} of subject '${text}'`)];
      };
      yield await page(own.map(reading));
      if (own.length < found.length) return;
    }
  }

  async #version(subject: SubjectName, version: number, deleted: boolean): Promise<MovedVersion> {
    const what = `version ${version} of subject '${subjectText(subject)}'`;
    const name = encodeURIComponent(subjectText(subject));
    const json = await this.#get(`/subjects/${name}/versions/${version}?deleted=true`);
    if (json === undefined) throw answered(`${what} is listed and not there`);
    if (isJsonObject(json) && typeof json['subject'] === 'string') {
      // An alias that was set meanwhile: the name answers with the versions of another subject.
      const answers = subjectFrom(json['subject'], what);
      if (!sameSubject(answers, subject)) throw answered(`${what} is answered with one of '${subjectText(answers)}'`);
    }
    return { ...versionFrom(json, subject, version, what), deleted };
  }

  async #numbers(path: string): Promise<readonly number[]> {
    const list = await this.#whole(path, 'a list of versions');
    return list.filter((one): one is number => typeof one === 'number' && Number.isInteger(one) && one >= 1);
  }

  /**
   * All entries of a list, each once. A registry may be set to give any number of them at once and says nowhere how many there are, so it is asked for more until nothing new comes: nothing, or from
   * releases that know no pieces the same entries again.
   */
  async #whole(path: string, what: string): Promise<readonly JsonValue[]> {
    const found = new Map<string, JsonValue>();
    for (let offset = 0; ;) {
      const from = offset === 0 ? '' : `${path.includes('?') ? '&' : '?'}offset=${offset}`;
      const piece = listOf((await this.#get(path + from)) ?? [], what);
      const before = found.size;
      for (const one of piece) found.set(JSON.stringify(one), one);
      if (found.size === before || found.size > MAX_SUBJECTS) return [...found.values()];
      offset += piece.length;
    }
  }

  /** Schemas of the list of them, deleted ones too, each once, some at a time; ends as {@link #whole} does, and after `most`. @param prefix of their subjects, encoded; further parameters may follow. */
  async *#listed(prefix: string, most: number): AsyncGenerator<readonly JsonObject[]> {
    const seen = new Set<string>();
    for (let offset = 0; offset < most;) {
      const query = `subjectPrefix=${prefix}&deleted=true&offset=${offset}&limit=${LISTING}`;
      const piece = listOf((await this.#get(`/schemas?${query}`)) ?? [], 'the list of schemas');
      const found = piece.filter(isJsonObject).filter(({ subject, version }) => {
        const before = seen.size;
        return seen.add(JSON.stringify([subject, version])).size > before;
      });
      if (found.length === 0) return;
      yield found;
      offset += piece.length;
    }
  }

  async #get(path: string): Promise<JsonValue | undefined> {
    await this.#places.acquire();
    let answer: SourceAnswer;
    try {
      this.signal.throwIfAborted();
      answer = await this.registry.get(path, this.signal);
    } finally {
      this.#places.release();
    }
    return answer.status === 'found' ? answer.body : undefined;
  }
}

function aliasesOf(schema: JsonValue): readonly string[] {
  const aliases = isJsonObject(schema) ? schema['aliases'] : undefined;
  return Array.isArray(aliases) ? aliases.filter((one): one is string => typeof one === 'string') : [];
}

function listOf(json: JsonValue, what: string): readonly JsonValue[] {
  if (Array.isArray(json)) return json;
  throw answered(`${what} is no list`);
}

/** An answer that no registry gives. */
function answered(what: string): AppError {
  return new AppError({
    kind: 'unprocessable',
    code: 'import-entry-invalid',
    message: `The other registry cannot be followed: ${what}.`,
    details: { what },
  });
}

function tooMany(what: string, limit: number, measured: number): AppError {
  return new AppError({
    kind: 'too-large',
    code: 'import-too-large',
    message: `The other registry has ${measured} ${what}, more than the limit of ${limit}.`,
    details: { limit, measured },
  });
}

/** What could be read, and why the rest could not. */
async function page(readings: readonly Promise<readonly MovedEntry[]>[]): Promise<SourcePage> {
  const invalid: string[] = [];
  const found = await Promise.all(
    readings.map((reading) =>
      reading.catch((error: unknown) => {
        invalid.push(messageOf(error));
        return [];
      }),
    ),
  );
  return { entries: found.flat(), invalid: invalid.sort() };
}

/** What an entry suffers from; what keeps the registry from being read at all is thrown on. */
function messageOf(error: unknown): string {
  if (isAppError(error, 'import-entry-invalid')) return error.message;
  throw error;
}
