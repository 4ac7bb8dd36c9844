import { GenerationHandler, type GenerationOptions } from '../generations/handler.js';
import type { GenerationKind } from '../generations/kind.js';
import { type MigrationParameters, type MigrationRequest, parseMigrationRequest } from './parameters.js';
import { draftMigration, type MigrationTools, routerBack, routerThere } from './plan.js';
import { demandBearable } from './poison.js';
import { judgeRedrive, revisionsOf } from './redrive-request.js';

export interface MigrationOptions extends GenerationOptions, MigrationTools {}

/** Migration of a live topic: the new generation holds the same records in another form. */
export class MigrationHandler extends GenerationHandler {
  constructor(options: MigrationOptions) {
    super(migrationKind(options), options);
  }
}

function migrationKind(tools: MigrationTools): GenerationKind<MigrationRequest, MigrationParameters> {
  return {
    name: 'migration',
    parse: parseMigrationRequest,
    draft: (context, request) => draftMigration(context, tools, request),
    // A new id of a schema is as long as the one before.
    keepsBytes: ({ up, format, key }) => up.filter === null && up.steps.length === 0 && format === null && !key,
    there: (parameters, notes) => routerThere(parameters, tools, revisionsOf(notes)),
    redrive: (directory, parameters, notes, request) => judgeRedrive(directory, tools, parameters, notes, request),
    back: (parameters) => routerBack(parameters, tools),
    demandBearable: ({ topic, poison }, tally) => demandBearable(topic, poison, tally),
  };
}
