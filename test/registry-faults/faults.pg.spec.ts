import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { freshPostgresDatabase, type FreshDatabase } from '#libs/adapters/store-sql/testing';
import { ServerProcess, temporaryDirectory, type TemporaryDirectory } from '#libs/platform/testing';
import { beside } from '../beside.js';
import { DatabaseLink } from './database-link.js';
import { RegistryHistory } from './history.js';

const INSTANCES = 3;
const CLIENTS = 6;
/** Acknowledged registrations between one fault and the next. */
const BETWEEN_FAULTS = 40;
const SUBJECTS = ['orders', 'payments', 'shipments', 'customers'];
/** Longest waits, which are for a hang alone. */
const SOON = { timeout: 120_000, interval: 10 };
/** Schemas that several clients register under several subjects at the same time. */
const SHARED = 12;

const schemaOf = (name: string) =>
  JSON.stringify({ type: 'record', name: 'R', fields: [{ name, type: 'int', default: 0 }] });

/** One process of the service, which can be killed and started again, on a line of its own to the database. */
class Instance {
  #server: ServerProcess | undefined;

  constructor(
    readonly name: string,
    private readonly directory: string,
    readonly link: DatabaseLink,
  ) {}

  async start(): Promise<void> {
    this.#server = await ServerProcess.start({
      cwd: this.directory,
      env: {
        WEIR_DATABASE_URL: this.link.url,
        WEIR_LOG_ENABLED: 'false',
        WEIR_DATA_DIR: `${this.directory}/${this.name}`,
        WEIR_LOGGING_LEVEL: 'info',
      },
    });
  }

  get url(): string {
    return this.#server!.url;
  }

  signal(signal: NodeJS.Signals): void {
    this.#server!.signal(signal);
  }

  async kill(): Promise<void> {
    await this.#server?.kill();
  }

  /** The answer's body, or undefined where none came in time or it was none: the outcome is not known. */
  async ask(path: string, body?: object): Promise<{ readonly status: number; readonly json: unknown } | undefined> {
    const init =
      body === undefined
        ? {}
        : { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
    try {
      const answer = await fetch(this.url + path, { ...init, signal: AbortSignal.timeout(5_000) });
      return { status: answer.status, json: await answer.json() };
    } catch {
      return undefined;
    }
  }
}

describe('three instances on one PostgreSQL, killed, paused and cut off', () => {
  let database: FreshDatabase;
  let directory: TemporaryDirectory;
  let instances: Instance[];
  let history: RegistryHistory;

  beforeEach(async () => {
    history = new RegistryHistory();
    database = await freshPostgresDatabase();
    directory = await temporaryDirectory();
    instances = await Promise.all(
      Array.from({ length: INSTANCES }, async (_, i) => {
        return new Instance(`i${i}`, directory.path, await DatabaseLink.open(database.url));
      }),
    );
  });

  afterEach(async () => {
    for (const instance of instances) {
      await instance.kill();
      await instance.link.close();
    }
    await database.dispose();
    await directory.remove();
  });

  async function startTogether(): Promise<void> {
    await Promise.all(instances.map((instance) => instance.start()));
    for (const subject of SUBJECTS) {
      const answer = await fetch(`${instances[0]!.url}/config/${subject}`, {
        method: 'PUT',
        body: '{"compatibility":"NONE"}',
        headers: { 'content-type': 'application/json' },
      });
      expect(answer.status).toBe(200);
    }
  }

  it('start together on an empty database', startTogether, 300_000);

  it('give one id to a schema, lose nothing they acknowledged and show it to one another at once', async () => {
    await startTogether();
    const faults: ((victim: Instance) => Promise<() => Promise<void>>)[] = [
      async (victim) => {
        await victim.kill();
        return () => victim.start();
      },
      async (victim) => {
        // Wakes up with requests in its hands whose world has moved on.
        victim.signal('SIGSTOP');
        return async () => victim.signal('SIGCONT');
      },
      async (victim) => {
        victim.link.hold();
        return async () => victim.link.release();
      },
      async (victim) => {
        victim.link.cut();
        return async () => undefined;
      },
      async () => {
        await database.disconnectAll();
        return async () => undefined;
      },
    ];
    let going = true;
    let down: Instance | undefined;
    const clients = Array.from({ length: CLIENTS }, async (_, client) => {
      for (let n = 0; going; n++) {
        const instance = instances[(client + n) % INSTANCES]!;
        // One in three asks an instance that does not answer, as clients do that have not noticed.
        if (instance === down && n % 3 !== 0) continue;
        const subject = SUBJECTS[(client * 7 + n) % SUBJECTS.length]!;
        const schema = schemaOf(n % 2 === 0 ? `shared${(n / 2) % SHARED}` : `own_${client}_${n}`);
        const askedAt = history.now();
        const answer = await instance.ask(`/subjects/${subject}/versions`, { schema });
        if (answer?.status === 200) {
          const { id, version } = answer.json as { id: number; version: number };
          history.registered({ subject, schema, id, version, askedAt, answeredAt: history.now() });
        }
        await readElsewhere(instance);
      }
    });
    async function readElsewhere(than: Instance): Promise<void> {
      const seen = history.latest;
      const other = instances[(instances.indexOf(than) + 1) % INSTANCES]!;
      if (seen === undefined || other === down) return;
      const askedAt = history.now();
      const found = await other.ask(`/schemas/ids/${seen.id}`);
      const schema = (found?.json as { schema?: string } | undefined)?.schema ?? null;
      if (found?.status === 200 || found?.status === 404) history.read({ id: seen.id, schema, askedAt });
    }
    const acknowledged = async (more: number): Promise<void> => {
      const goal = history.acknowledged + more;
      await expect.poll(() => history.acknowledged, SOON).toBeGreaterThanOrEqual(goal);
    };
    const ends = (): void => void (going = false);
    await beside(clients, ends, async () => {
      for (let round = 0; round < faults.length * 2; round++) {
        await acknowledged(BETWEEN_FAULTS);
        down = instances[round % INSTANCES]!;
        const mend = await faults[round % faults.length]!(down);
        await acknowledged(BETWEEN_FAULTS);
        await mend();
        down = undefined;
      }
      await acknowledged(BETWEEN_FAULTS);
    });
    for (const instance of instances) {
      for (const subject of SUBJECTS)
        history.listed({ instance: instance.name, subject, versions: await list(instance, subject) });
    }
    expect(history.contradictions()).toEqual([]);
    expect(history.acknowledged).toBeGreaterThan(BETWEEN_FAULTS * faults.length * 4);
  }, 600_000);

  /** An answer of one who may still notice that connections to the database were cut. */
  async function answered(instance: Instance, path: string): Promise<unknown> {
    let answer: Awaited<ReturnType<Instance['ask']>>;
    await expect.poll(async () => (answer = await instance.ask(path))?.status, SOON).toBe(200);
    return answer!.json;
  }

  async function list(instance: Instance, subject: string) {
    const numbers = (await answered(instance, `/subjects/${subject}/versions`)) as number[];
    return Promise.all(
      numbers.map(async (version) => {
        const { id, schema } = (await answered(instance, `/subjects/${subject}/versions/${version}`)) as {
          id: number;
          schema: string;
        };
        return { version, id, schema };
      }),
    );
  }
});
