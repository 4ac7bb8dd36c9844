/**
 * The layer rules of the house, as data: who may import whom, and why. The ESLint rule below resolves every import to a place in the
 * tree and looks it up. The first entry whose `from` matches the importing file decides; imports inside one library are always free.
 */
export const LAYERS = [
  {
    from: 'libs/core/kernel',
    may: [],
    reason: 'the kernel is what everything rests on, so it rests on nothing',
  },
  {
    from: 'libs/core/log',
    may: ['libs/core/kernel'],
    reason:
      'the log model must be usable by every adapter and in the browser-free command line without pulling in other domains',
  },
  {
    from: 'libs/core/groups',
    may: ['libs/core/kernel', 'libs/core/log'],
    reason: 'what groups do with their positions are decisions over the log port; HTTP and engines come and go',
  },
  {
    from: 'libs/core/schema',
    may: ['libs/core/kernel'],
    reason: 'schema rules are shared with the offline command line and must not know of logs, stores or HTTP',
  },
  {
    from: 'libs/core/registry',
    may: ['libs/core/kernel', 'libs/core/schema'],
    reason: 'registry decisions are pure; they meet storage only through their own port',
  },
  {
    from: 'libs/core/change-requests',
    may: ['libs/core/kernel'],
    reason: 'who may agree to a plan, and to what it comes, does not depend on what the plan is about',
  },
  {
    from: 'libs/core/idempotency',
    may: ['libs/core/kernel'],
    reason: 'that a request is done once does not depend on what it does',
  },
  {
    from: 'libs/core/operations',
    may: ['libs/core/kernel'],
    reason: 'the operation engine knows phases and leases, not what the work is about',
  },
  {
    from: 'libs/core/moving',
    may: ['libs/core/kernel', 'libs/core/log', 'libs/core/schema', 'libs/core/registry', 'libs/core/operations'],
    reason:
      'moving a registry is work of operations over the ports of registry and log; it knows no adapter and no HTTP',
  },
  {
    from: 'libs/core/scans',
    may: ['libs/core/kernel', 'libs/core/log', 'libs/core/schema', 'libs/core/registry', 'libs/core/operations'],
    reason: 'scans read records and ask the registry, through ports; what views and derivations read they are told',
  },
  {
    from: 'libs/core/streams',
    may: ['libs/core/kernel', 'libs/core/log', 'libs/core/schema', 'libs/core/operations'],
    reason: 'stream algorithms are functions over the log port; adapters and features would tie them to one engine',
  },
  {
    from: 'libs/core/records',
    may: ['libs/core/kernel', 'libs/core/log', 'libs/core/schema', 'libs/core/registry', 'libs/core/streams'],
    reason: 'what several APIs do with records alike knows neither their requests nor HTTP',
  },
  {
    from: 'libs/core/backups',
    may: ['libs/core/kernel', 'libs/core/log', 'libs/core/operations'],
    reason: 'a backup is work of operations over files that it is given; what is in them only their adapters know',
  },
  {
    from: 'libs/adapters/backups-disk',
    may: ['libs/core/kernel', 'libs/core/backups'],
    reason: 'it keeps files; that logs and databases are in them it is told by the composition',
  },
  {
    from: 'libs/adapters/log-',
    may: ['libs/core/kernel', 'libs/core/log'],
    reason: 'a log adapter keeps the promises of its port and knows nothing of what is built on it',
  },
  {
    from: 'libs/adapters/registry-http',
    may: ['libs/core/kernel', 'libs/core/moving'],
    reason: 'it fetches what an import asks for and knows nothing of what becomes of it',
  },
  {
    from: 'libs/adapters/store-sql',
    may: ['libs/core', 'migrations'],
    reason: 'a store adapter implements store ports; it never calls features or another adapter',
  },
  {
    from: 'libs/adapters/views-sql',
    may: ['libs/core'],
    reason: 'view tables live in a database of their own, apart from the metadata store and its adapter',
  },
  {
    from: 'libs/adapters/disk-space',
    may: ['libs/core/kernel'],
    reason: 'the room on a disk is the same for whoever writes to it',
  },
  {
    from: 'libs/adapters/worker-threads',
    may: ['libs/core/kernel'],
    reason: 'threads are made and replaced the same way whatever they do',
  },
  {
    from: 'libs/adapters/schema-workers',
    may: ['libs/core/kernel', 'libs/core/schema', 'libs/adapters/worker-threads'],
    reason:
      'what runs on untrusted text in a thread of its own must not be able to reach a store, a log or the network',
  },
  {
    from: 'libs/adapters/transform-workers',
    may: ['libs/core/kernel', 'libs/core/schema', 'libs/core/streams', 'libs/adapters/worker-threads'],
    reason:
      'expressions that anybody writes run in a thread that must not be able to reach a store, a log or the network',
  },
  {
    from: 'libs/platform',
    may: ['libs/core', 'libs/platform'],
    reason: 'the platform serves every feature, so it can depend on none of them',
  },
  {
    from: 'libs/features',
    may: ['libs/core', 'libs/platform'],
    reason:
      'a feature sees ports, never adapters, and never another feature: what two features share belongs in core or platform',
  },
  {
    from: 'migrations',
    may: [],
    reason: 'a migration is frozen history and must not change when code does',
  },
  {
    from: 'apps/server',
    may: ['libs', 'migrations'],
    reason: 'the server is the composition and may see everything below it',
  },
  {
    from: 'apps/cli',
    may: ['libs/core/schema', 'libs/core/kernel'],
    reason: 'the command line talks HTTP and checks schemas offline; the service framework must not come along',
  },
];

/** Modules that only a named place may import, and why. `except` lists path prefixes that may. */
export const RESERVED_MODULES = [
  {
    modules: [
      '@nestjs/',
      'fastify',
      'typeorm',
      'better-sqlite3',
      'pg',
      '@platformatic/kafka',
      'prom-client',
      'pino',
      'rxjs',
    ],
    from: 'libs/core',
    except: [],
    reason: 'core is plain TypeScript: no framework and no driver, so that it can be tested and reused without them',
  },
  {
    modules: [
      'node:fs',
      'node:net',
      'node:http',
      'node:https',
      'node:child_process',
      'node:worker_threads',
      'node:os',
      'node:process',
    ],
    from: 'libs/core',
    except: [],
    reason: 'core does no I/O; take a port instead',
  },
  {
    modules: ['typeorm', 'better-sqlite3', 'pg', '@platformatic/kafka'],
    from: 'libs/features',
    except: [],
    reason: 'features reach storage through ports only',
  },
  {
    modules: ['express', '@nestjs/platform-express'],
    from: '',
    except: [],
    reason: 'Fastify serves the same routes four times faster',
  },
];
