/** Whether one part of the service can do its work. `detail` is for people: no secrets, no user data. */
export interface CheckResult {
  readonly ok: boolean;
  /** It can do a part of its work: the service stays ready, and says so. Meaningless where it is not ok. */
  readonly degraded?: boolean;
  readonly detail?: string;
}

/** A named condition of readiness: storage writable, database reachable, a cluster answering. */
export interface ReadinessCheck {
  /** Lower case with hyphens, shown by `/readyz`. */
  readonly name: string;
  /** Quick, a second at most; a rejection counts as not ok. Asked at every request for readiness. */
  check(): CheckResult | Promise<CheckResult>;
}

export interface Readiness {
  readonly ready: boolean;
  readonly checks: Readonly<
    Record<string, { readonly status: 'ok' | 'degraded' | 'failing'; readonly detail?: string }>
  >;
}

const CHECK_DEADLINE_MS = 2_000;

/** The service's view of its own health. Whoever composes it, or a module, adds checks. */
export class Health {
  readonly #checks: ReadinessCheck[] = [];
  #phase: 'starting' | 'started' | 'stopping' = 'starting';
  #progress: Readonly<Record<string, unknown>> = {};

  add(check: ReadinessCheck): void {
    this.#checks.push(check);
  }

  /** What the start is busy with, for `/startupz`. */
  progress(facts: Readonly<Record<string, unknown>>): void {
    this.#progress = facts;
  }

  started(): void {
    this.#phase = 'started';
  }

  /** From here on the service is not ready, whatever the checks say, so that nobody sends it anything new. */
  stopping(): void {
    this.#phase = 'stopping';
  }

  startup(): { readonly started: boolean; readonly progress: Readonly<Record<string, unknown>> } {
    return { started: this.#phase !== 'starting', progress: this.#progress };
  }

  /** Asks all checks at once; one that does not answer in time fails. */
  async readiness(): Promise<Readiness> {
    const results = await Promise.all(
      this.#checks.map(async (one) => {
        const { ok, degraded = false, detail } = await outcome(one);
        const status = !ok ? 'failing' : degraded ? 'degraded' : 'ok';
        return [one.name, { status, ...(detail === undefined ? {} : { detail }) }] as const;
      }),
    );
    const lifecycle = { status: this.#phase === 'started' ? 'ok' : 'failing', detail: this.#phase } as const;
    const checks = Object.fromEntries<Readiness['checks'][string]>([['service', lifecycle], ...results]);
    return { ready: Object.values(checks).every((one) => one.status !== 'failing'), checks };
  }
}

async function outcome(check: ReadinessCheck): Promise<CheckResult> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<CheckResult>((resolve) => {
    timer = setTimeout(
      () => resolve({ ok: false, detail: `no answer within ${CHECK_DEADLINE_MS} ms` }),
      CHECK_DEADLINE_MS,
    );
  });
  try {
    return await Promise.race([Promise.resolve().then(() => check.check()), late]);
  } catch (error) {
    return { ok: false, detail: error instanceof Error && 'code' in error ? String(error.code) : 'failed' };
  } finally {
    clearTimeout(timer);
  }
}
