import { nearest } from '#libs/core/kernel';
import type { CommandSpec, Handler } from '../command.js';
import { usage } from '../failure.js';
import { envelopeSchema } from '../output/shapes/envelope.js';
import { COMMANDS } from './table.js';

/** `weir schema-of COMMAND`: the JSON Schema of what it prints with `-o json`. */
export const schemaOf: Handler = async (invocation) => {
  // As it is written elsewhere: in words, or as one.
  const path = (invocation.args[0] as readonly string[])
    .flatMap((word) => word.split(' '))
    .filter((word) => word !== '');
  const spec = found(COMMANDS, path);
  if (spec?.load === undefined) {
    const near = nearest(path.join(' '), paths(COMMANDS));
    throw usage(
      'command-unknown',
      `There is no command '${path.join(' ')}' that prints something.`,
      near === undefined ? 'weir --help lists the commands.' : `Did you mean ${near}?`,
    );
  }
  const schema = envelopeSchema(spec.kind ?? 'Result');
  return { kind: 'JsonSchema', data: schema, raw: `${JSON.stringify(schema, null, 2)}\n` };
};

function found(commands: readonly CommandSpec[], [first, ...rest]: readonly string[]): CommandSpec | undefined {
  const one = commands.find(({ name }) => name === first);
  return one === undefined || rest.length === 0 ? one : found(one.commands ?? [], rest);
}

function paths(commands: readonly CommandSpec[], above = ''): readonly string[] {
  return commands.flatMap(({ name, load, commands: below = [] }) => {
    const path = above === '' ? name : `${above} ${name}`;
    return [...(load === undefined ? [] : [path]), ...paths(below, path)];
  });
}
