import { Body, Controller, Delete, Get, HttpCode, Param, Post } from '@nestjs/common';
import type { Staged } from '#libs/core/moving';
import type { Plan } from '#libs/core/operations';
import { Access, CurrentPrincipal, type Principal } from '#libs/platform/auth';
import { ApiJson, PlanOncePerKey, ZodPipe } from '#libs/platform/http';
import {
  importPlanBody,
  importPlanView,
  sourcesView,
  uploadsView,
  type ImportPlanBody,
  type ImportPlanView,
  type UploadsView,
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

  @Get('uploads')
  @Access('admin', 'subject')
  @ApiJson({
    id: 'listRegistryUploads',
    summary: 'What was posted and waits for an import',
    tag,
    response: uploadsView,
  })
  async uploads(): Promise<UploadsView> {
    return { items: (await this.imports.uploads()).map(uploadOf) };
  }

  @Delete('uploads/:upload')
  @HttpCode(204)
  @Access('admin', 'subject')
  @ApiJson({
    id: 'deleteRegistryUpload',
    summary: 'Forget what was posted for an import',
    description: 'Harmless when it is gone.',
    tag,
    status: 204,
    errors: { 409: ['import-upload-in-use'] },
  })
  removeUpload(@Param('upload') id: string): Promise<void> {
    return this.imports.removeUpload(id);
  }

  @Post('plans')
  @PlanOncePerKey()
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

function uploadOf({ id, createdAt, complete, held, facts }: Staged): UploadsView['items'][number] {
  const { bytes, sha256 } = facts;
  return {
    id,
    createdAt: new Date(createdAt).toISOString(),
    complete,
    held,
    bytes: typeof bytes === 'number' ? bytes : null,
    sha256: typeof sha256 === 'string' ? sha256 : null,
  };
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
