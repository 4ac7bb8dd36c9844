import type { CommandSpec } from '../command.js';
import { OPERATOR_COMMANDS } from './table-operators.js';
import { PIPELINE_COMMANDS } from './table-pipelines.js';
import { TOOL_COMMANDS } from './table-tools.js';

/** Every command there is. The program, its help, completion and docs/cli.md are made of it. */
export const COMMANDS: readonly CommandSpec[] = [...PIPELINE_COMMANDS, ...OPERATOR_COMMANDS, ...TOOL_COMMANDS];
