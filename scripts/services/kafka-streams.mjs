/** Kafka Streams for a benchmark: its jars come from Maven once and stay in `.cache/kafka-streams/<version>`; the program is compiled each time. Needs a Java development kit. */
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fetchJars } from './maven.mjs';
import { findCommand, installDebian, run, temporaryDirectory } from './service-process.mjs';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../..');
const CACHE = join(ROOT, '.cache/kafka-streams');
const PROGRAM = join(ROOT, 'bench/kafka-streams/Repartition.java');

/**
 * Copies a topic to one with another number of partitions, exactly once.
 * @param {{ version: string, bootstrapServers: string, source: string, target: string, records: number }} copy
 * @returns {Promise<number>} the milliseconds it took, from the start of the streams on
 * @throws {import('./service-process.mjs').ServiceUnavailable}
 */
export async function copyWithKafkaStreams({ version, bootstrapServers, source, target, records }) {
  if (findCommand('javac') === undefined) await installDebian(['openjdk-17-jdk-headless'], 'Kafka Streams');
  const jars = join(await provideJars(version), 'libs/*');
  const home = temporaryDirectory('weir-kafka-streams-');
  try {
    await run('javac', ['-cp', jars, '-d', home.path, PROGRAM]);
    const args = [bootstrapServers, source, target, String(records), join(home.path, 'state')];
    return Number(await run('java', ['-Xmx1g', '-cp', `${home.path}:${jars}`, 'Repartition', ...args]));
  } finally {
    home.remove();
  }
}

/** @param {string} version @returns {Promise<string>} */
async function provideJars(version) {
  const place = join(CACHE, version);
  if (existsSync(place)) return place;
  mkdirSync(CACHE, { recursive: true });
  const building = mkdtempSync(join(CACHE, `${version}-`));
  try {
    await fetchJars(building, [['org.apache.kafka', 'kafka-streams', version]], `Kafka Streams ${version}`);
    renameSync(building, place);
    return place;
  } finally {
    rmSync(building, { recursive: true, force: true });
  }
}
