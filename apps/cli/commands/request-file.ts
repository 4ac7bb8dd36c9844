import { resolve } from 'node:path';
import { z } from 'zod';
import { text, type Invocation } from '../command.js';
import { readYaml } from '../project/yaml-file.js';
import { readText } from './schema.js';

/** The request in `-f FILE`, YAML or JSON. */
export async function requestFile(invocation: Invocation): Promise<Record<string, unknown> | undefined> {
  const file = text(invocation, 'file');
  if (file === undefined) return undefined;
  return readYaml(z.record(z.string(), z.unknown()), {
    text: await readText(resolve(invocation.io.cwd, file)),
    file,
    env: invocation.io.env,
  }).value;
}
