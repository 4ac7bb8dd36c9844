import { Body, Controller, Get, HttpCode, Post } from '@nestjs/common';
import type { Plan } from '#libs/core/operations';
import { Access, CurrentPrincipal, type Principal } from '#libs/platform/auth';
import { ApiJson, ZodPipe } from '#libs/platform/http';
import {
  importPlanBody,
  importPlanView,
  sourcesView,
  type ImportPlanBody,
  type ImportPlanView,
} from './import-shapes.js';
import { ImportsService } from './imports.service.js';

const tag = 'moving registries';

/** Imports of registries: what can be imported from, and plans. */
@Controller('v1/registry-imports')
export class ImportsController {
  constructor(private readonly imports: ImportsService) {}

  @Get('sources')
  @Access('admin', 'subject')
  @ApiJson({ id: 'listSourceRegistries', summary: 'Registries that can be imported from', tag, response: sourcesView })
  sources() {
    return { items: this.imports.sources() };
  }

  @Post('plans')
  @HttpCode(201)
  @Access('admin', 'subject')
  @ApiJson({
    id: 'planRegistryImport',
    summary: 'Plan the import of a registry',
    description:
      'Reads the source, says what would be brought in and what is in conflict, and changes nothing. Start the plan with its hash: `POST /v1/operations {"planHash": …}`.',
    tag,
    body: importPlanBody,
    bodyExample: { source: { registry: 'old' } },
    response: importPlanView,
    status: 201,
    errors: {
      400: ['invalid-import'],
      404: ['source-registry-not-found', 'import-upload-not-found', 'topic-not-found'],
      422: ['source-registry-refused', 'source-registry-not-allowed', 'import-damaged'],
    },
  })
  async plan(
    @Body(new ZodPipe(importPlanBody)) body: ImportPlanBody,
    @CurrentPrincipal() principal: Principal,
  ): Promise<ImportPlanView> {
    return viewOf(await this.imports.plan(body, principal));
  }
}

function viewOf(plan: Plan): ImportPlanView {
  const { hash, steps, impact, risks, blockers, parameters, fingerprint, createdBy, createdAt } = plan;
  return {
    hash,
    kind: 'registry-import',
    steps: [...steps],
    impact,
    risks: [...risks],
    blockers: [...blockers],
    parameters,
    fingerprint,
    createdBy,
    createdAt: new Date(createdAt).toISOString(),
  };
}
