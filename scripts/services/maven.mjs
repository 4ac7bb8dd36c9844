/** Jars from Maven Central, with all that they depend on. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findCommand, installDebian, run, ServiceUnavailable } from './service-process.mjs';

/**
 * Puts jars and what they need at run time into `libs/` of a directory.
 * @param {string} directory
 * @param {readonly (readonly [group: string, artifact: string, version: string])[]} dependencies
 * @param {string} why what needs them, for the message
 * @throws {ServiceUnavailable}
 */
export async function fetchJars(directory, dependencies, why) {
  if (findCommand('mvn') === undefined) await installDebian(['maven'], why);
  writeFileSync(join(directory, 'pom.xml'), pomOf(dependencies));
  const goal = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies';
  const output = `-DoutputDirectory=${join(directory, 'libs')}`;
  try {
    await run('mvn', ['-B', '-q', '-Dstyle.color=never', goal, '-DincludeScope=runtime', output], { cwd: directory });
  } catch (cause) {
    throw new ServiceUnavailable(
      `${why} could not be fetched with Maven: ${String(cause.message).replace(/\s+/g, ' ').slice(0, 300)}`,
      { cause },
    );
  }
}

function pomOf(dependencies) {
  const listed = dependencies.map(
    ([group, artifact, version]) =>
      `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`,
  );
  return `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>local</groupId><artifactId>jars</artifactId><version>1</version><packaging>pom</packaging>
<dependencies>${listed.join('\n')}</dependencies></project>\n`;
}
