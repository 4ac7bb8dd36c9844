/**
 * Apache Kafka for tests: the jars come from Maven once and stay in `.cache/kafka/<version>`; nodes run as broker and controller (KRaft) on
 * loopback, on a new data directory. Needs Java 17.
 */
import { randomBytes } from 'node:crypto';
import { copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  findCommand,
  firstLine,
  freePort,
  installDebian,
  run,
  ServiceProcess,
  ServiceUnavailable,
  temporaryDirectory,
} from './service-process.mjs';
import { fetchJars } from './maven.mjs';
import { KAFKA_TEST_USER, secureProperties } from './kafka-security.mjs';

const CACHE = join(dirname(fileURLToPath(import.meta.url)), '../../.cache/kafka');
const DEFAULT_VERSION = '4.1.2';
/** Written last: its presence says that a cached version is whole. */
const MARKER = 'complete-3';
const SCRAM_USERS = ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap((mechanism) => [
  '--add-scram',
  `${mechanism}=[name=${KAFKA_TEST_USER.username},password=${KAFKA_TEST_USER.password}]`,
]);
const JVM = ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];

/** What a release needs. @param {string} version @returns {[string, string, string][]} */
function jarsOf(version) {
  return [
    ['org.apache.kafka', 'kafka_2.13', version],
    ['org.apache.kafka', 'kafka-tools', version],
    // 3.9 brings its own logging binding; a 4.x broker without one logs nothing, not even why it did not start.
    ...(version.startsWith('3.') ? [] : [['org.apache.logging.log4j', 'log4j-slf4j-impl', '2.25.3']]),
  ];
}

/** Makes sure that there is a Java of version 17 or later. @throws {ServiceUnavailable} */
async function requireJava() {
  if (findCommand('java') === undefined) await installDebian(['openjdk-17-jre-headless'], 'Kafka');
  const text = await run('sh', ['-c', 'java -version 2>&1']);
  const major = Number(/version "(\d+)/.exec(text)?.[1] ?? 0);
  if (major < 17) throw new ServiceUnavailable(`Kafka needs Java 17; this machine has ${firstLine(new Error(text))}`);
}

/**
 * The directory of a Kafka release: `libs/` with its jars and `bootstrap.checkpoint`, which makes a node that was never formatted one that
 * was (features of the release switched on, as users have them).
 * @param {string} version
 * @returns {Promise<string>}
 */
async function provideRelease(version) {
  const release = join(CACHE, version);
  if (existsSync(join(release, MARKER))) return release;
  mkdirSync(CACHE, { recursive: true });
  const building = mkdtempSync(join(CACHE, `${version}-`));
  try {
    await fetchJars(building, jarsOf(version), `Kafka ${version}`);
    const libs = join(building, 'libs');
    const formatted = join(building, 'formatted');
    writeLogging(building);
    const config = join(building, 'format.properties');
    writeFileSync(
      config,
      propertiesOf(
        { id: 1, port: 19092, controllerPort: 19093, dataDirectory: formatted },
        [{ id: 1, controllerPort: 19093 }],
        {},
      ),
    );
    const format = ['kafka.tools.StorageTool', 'format', '-t', newClusterId(), '-c', config, ...SCRAM_USERS];
    await run('java', [...JVM, '-Xmx64m', ...loggingOf(version, building), '-cp', `${libs}/*`, ...format]);
    copyFileSync(join(formatted, 'bootstrap.checkpoint'), join(building, 'bootstrap.checkpoint'));
    rmSync(formatted, { recursive: true });
    writeFileSync(join(building, MARKER), `${new Date().toISOString()}\n`);
    try {
      renameSync(building, release);
    } catch (error) {
      // Another run was quicker; what it made is as good. Anything unfinished in the way is replaced.
      if (!existsSync(join(release, MARKER))) {
        rmSync(release, { recursive: true, force: true });
        renameSync(building, release);
      } else if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    }
    return release;
  } finally {
    rmSync(building, { recursive: true, force: true });
  }
}

/** 16 random bytes in base64url; one that begins with a hyphen would be read as an option. */
function newClusterId() {
  for (;;) {
    const id = randomBytes(16).toString('base64url');
    if (!id.startsWith('-')) return id;
  }
}

function writeLogging(directory) {
  writeFileSync(
    join(directory, 'log4j.properties'),
    `log4j.rootLogger=WARN, stdout
log4j.appender.stdout=org.apache.log4j.ConsoleAppender
log4j.appender.stdout.layout=org.apache.log4j.PatternLayout
log4j.appender.stdout.layout.ConversionPattern=%d %p %m (%c)%n
`,
  );
  writeFileSync(
    join(directory, 'log4j2.properties'),
    `appender.console.type=Console
appender.console.name=console
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=%d %p %m (%c)%n
rootLogger.level=WARN
rootLogger.appenderRef.console.ref=console
`,
  );
}

function loggingOf(version, directory) {
  return version.startsWith('3.')
    ? [`-Dlog4j.configuration=file:${join(directory, 'log4j.properties')}`]
    : [`-Dlog4j2.configurationFile=${join(directory, 'log4j2.properties')}`];
}

function propertiesOf(node, all, overrides) {
  const count = all.length;
  const properties = {
    'process.roles': 'broker,controller',
    'node.id': node.id,
    'controller.quorum.voters': all.map(({ id, controllerPort }) => `${id}@127.0.0.1:${controllerPort}`).join(','),
    listeners: `PLAINTEXT://127.0.0.1:${node.port},CONTROLLER://127.0.0.1:${node.controllerPort}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${node.port}`,
    'inter.broker.listener.name': 'PLAINTEXT',
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'log.dirs': node.dataDirectory,
    'default.replication.factor': count,
    'min.insync.replicas': Math.min(count, 2),
    'offsets.topic.replication.factor': count,
    'offsets.topic.num.partitions': 4,
    'transaction.state.log.replication.factor': count,
    'transaction.state.log.min.isr': Math.min(count, 2),
    'transaction.state.log.num.partitions': 4,
    'share.coordinator.state.topic.replication.factor': count,
    'share.coordinator.state.topic.min.isr': Math.min(count, 2),
    'share.coordinator.state.topic.num.partitions': 1,
    'group.initial.rebalance.delay.ms': 0,
    'auto.create.topics.enable': false,
    // Test records carry old timestamps: with the default of a week they would go at the first check, after five minutes.
    'log.retention.ms': -1,
    'log.cleaner.dedupe.buffer.size': 4_194_304,
    // Long enough that a broker which waits for a processor is not taken for dead, short enough for tests that kill one.
    ...(count > 1 ? { 'broker.session.timeout.ms': 6000, 'broker.heartbeat.interval.ms': 500 } : {}),
    ...overrides,
  };
  return Object.entries(properties)
    .map(([key, value]) => `${key}=${value}\n`)
    .join('');
}

/** One broker that can be stopped, killed and started again on its data. */
export class KafkaNode {
  #process;
  #release;
  #version;
  #home;

  #jvm;

  constructor(node, { release, version, home, jvm }) {
    Object.assign(this, node);
    this.#jvm = jvm;
    this.#release = release;
    this.#version = version;
    this.#home = home;
  }

  /** Starts the process; when it serves is for {@link untilServing} to say. */
  start() {
    const logFile = join(this.#home, `n${this.id}.log`);
    const config = join(this.#home, `n${this.id}.properties`);
    const args = [
      ...this.#jvm,
      ...loggingOf(this.#version, this.#home),
      '-cp',
      `${this.#release}/libs/*`,
      'kafka.Kafka',
      config,
    ];
    this.#process = new ServiceProcess('java', args, { logFile, cwd: this.#home });
  }

  /** Resolves when this node answers and knows of so many brokers. @param {number} brokers */
  async untilServing(brokers) {
    await this.#process.untilReady(
      async () => (await countBrokers(this.port)) >= brokers,
      150_000,
      `Kafka node ${this.id}`,
    );
  }

  get pid() {
    return this.#process?.pid;
  }

  get running() {
    return this.#process?.running ?? false;
  }

  /** Orderly, SIGTERM. */
  async stop() {
    await this.#process?.stop('SIGTERM');
  }

  /** SIGKILL. */
  async kill() {
    await this.#process?.kill();
  }
}

/**
 * How many brokers the one behind a port knows of, by a Metadata request of version 1 for no topics; 0 when it does not answer.
 * @param {number} port
 * @returns {Promise<number>}
 */
function countBrokers(port) {
  // size, api key 3, version 1, correlation id 1, client id null, an empty list of topics
  const request = Buffer.from([0, 0, 0, 14, 0, 3, 0, 1, 0, 0, 0, 1, 0xff, 0xff, 0, 0, 0, 0]);
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const done = (count) => {
      socket.destroy();
      resolve(count);
    };
    let answer = Buffer.alloc(0);
    socket.setTimeout(2_000, () => done(0));
    socket.once('error', () => done(0));
    socket.once('close', () => done(0));
    socket.once('connect', () => socket.write(request));
    socket.on('data', (chunk) => {
      answer = Buffer.concat([answer, chunk]);
      if (answer.length >= 12) done(answer.readInt32BE(8));
    });
  });
}

/**
 * Starts a cluster.
 * @param {object} [options]
 * @param {string} [options.version] release, else WEIR_KAFKA_VERSION, else 4.1.2
 * @param {number} [options.nodes] 1 or 3
 * @param {boolean} [options.secure] one node with SASL, TLS and mutual TLS listeners beside the open one, see {@link secureProperties}
 * @param {Record<string, string | number | boolean>} [options.properties] broker settings over the ones given here
 * @param {readonly string[]} [options.jvm] arguments of the nodes' Java instead of those that make tests quick to start and small
 * @returns {Promise<{bootstrapServers: string, version: string, clusterId: string, nodes: KafkaNode[], tool: (main: string, args: readonly string[]) => Promise<string>, sasl?: string, tls?: {server: string, mutual: string, ca: string, cert: string, key: string}, stop: () => Promise<void>}>}
 * @throws {ServiceUnavailable} when Java or the jars cannot be had
 */
export async function startKafka({
  version = process.env.WEIR_KAFKA_VERSION || DEFAULT_VERSION,
  nodes: count = 1,
  secure = false,
  properties = {},
  jvm,
} = {}) {
  if (!/^\d+\.\d+\.\d+$/.test(version)) throw new Error(`'${version}' is no Kafka release; give it as 4.1.2`);
  await requireJava();
  const release = await provideRelease(version);
  const home = temporaryDirectory('weir-kafka-');
  const clusterId = newClusterId();
  const nodes = [];
  const stop = async () => {
    await Promise.all(nodes.map((node) => node.stop()));
    home.remove();
  };
  try {
    writeLogging(home.path);
    const planned = [];
    const taken = new Set();
    for (let id = 1; id <= count; id++) {
      const ports = new Set();
      while (ports.size < 5) {
        const port = await freePort();
        if (!taken.has(port)) ports.add(port);
        taken.add(port);
      }
      const [port, controllerPort, saslPort, tlsPort, mutualPort] = ports;
      const dataDirectory = join(home.path, `n${id}`);
      planned.push({ id, port, controllerPort, saslPort, tlsPort, mutualPort, dataDirectory });
    }
    for (const node of planned) {
      const own = { ...(secure ? await secureProperties(node, home.path) : {}), ...properties };
      mkdirSync(node.dataDirectory);
      writeFileSync(
        join(node.dataDirectory, 'meta.properties'),
        `version=1\ncluster.id=${clusterId}\nnode.id=${node.id}\n`,
      );
      cpSync(join(release, 'bootstrap.checkpoint'), join(node.dataDirectory, 'bootstrap.checkpoint'));
      writeFileSync(join(home.path, `n${node.id}.properties`), propertiesOf(node, planned, own));
      // Three nodes share a machine: each stays below 200 MiB with this heap, the small dedupe buffer given.
      const heap = count > 1 ? '192m' : '384m';
      nodes.push(new KafkaNode(node, { release, version, home: home.path, jvm: jvm ?? [...JVM, `-Xmx${heap}`] }));
    }
    for (const node of nodes) node.start();
    for (const node of nodes) await node.untilServing(count);
    return {
      bootstrapServers: nodes.map((node) => `127.0.0.1:${node.port}`).join(','),
      version,
      clusterId,
      nodes,
      // A program of the release, by the name of its class, to its end; answers what it wrote.
      tool: (main, args) =>
        run('java', [...loggingOf(version, home.path), '-cp', `${release}/libs/*`, main, ...args], { cwd: home.path }),
      ...(secure
        ? {
            sasl: `127.0.0.1:${planned[0].saslPort}`,
            tls: {
              server: `localhost:${planned[0].tlsPort}`,
              mutual: `localhost:${planned[0].mutualPort}`,
              ca: join(home.path, 'ca.pem'),
              cert: join(home.path, 'client.crt'),
              key: join(home.path, 'client.key'),
            },
          }
        : {}),
      stop,
    };
  } catch (error) {
    await Promise.all(nodes.map((node) => node.kill()));
    home.remove();
    throw error;
  }
}
