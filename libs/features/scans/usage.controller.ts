import { Body, Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { Access, CurrentPrincipal, type Principal } from '#libs/platform/auth';
import { ApiJson, Conditional, PlanOncePerKey, RequestSignal, ZodPipe } from '#libs/platform/http';
import { scanPlanView, scanPlanViewOf, type ScanPlanView } from './scan-plan-view.js';
import {
  censusQuery,
  censusView,
  idUsageView,
  schemaIdParameter,
  usagePlanBody,
  usageQuery,
  usageView,
  type CensusQuery,
  type CensusView,
  type IdUsageView,
  type UsagePlanBody,
  type UsageQuery,
  type UsageView,
} from './usage-shapes.js';
import { UsageService } from './usage.service.js';

const tag = 'schemas';

/** Who still needs a schema. */
@Controller('v1')
export class UsageController {
  constructor(private readonly usages: UsageService) {}

  @Get('subjects/:subject/versions/:version/usage')
  @Access('read', 'subject', 'subject')
  @Conditional()
  @ApiJson({
    id: 'getSchemaUsage',
    summary:
      'Show who needs a version: retained records, schemas that refer to it, topics, views; and whether it is safe to delete',
    description:
      'Records are counted by the schema they name. Up to 200,000 records and 32 MiB are read for the answer; where more is retained, name a scan (`POST /v1/schema-usage/plans`). `coverage` says up to which offsets the answer is true, and what was not looked at; on incomplete knowledge no version is called safe. An id in front of a record names no context, so it counts for the schema of that id in each.',
    tag,
    query: usageQuery,
    response: usageView,
    errors: {
      404: ['subject-not-found', 'version-not-found', 'scan-not-found', 'operation-not-found'],
      410: ['scan-expired'],
      422: ['version-invalid'],
      429: ['scans-busy'],
    },
  })
  usage(
    @Param('subject') subject: string,
    @Param('version') version: string,
    @Query(new ZodPipe(usageQuery)) query: UsageQuery,
    @CurrentPrincipal() principal: Principal,
    @RequestSignal() signal: AbortSignal,
  ): Promise<UsageView> {
    return this.usages.usage(principal, subject, version, query.scan, signal);
  }

  @Get('schemas/ids/:id/usage')
  @Access('read', 'subject')
  @Conditional()
  @ApiJson({
    id: 'getSchemaIdUsage',
    summary: 'Show who needs a schema by its id: all versions of all contexts that carry it',
    description:
      'As the usage of a version, for whatever the id stands for: records name no context. The verdict is of the records and of every version; up to 1,000 versions are looked at.',
    tag,
    query: usageQuery,
    response: idUsageView,
    errors: {
      404: ['schema-not-found', 'scan-not-found', 'operation-not-found'],
      410: ['scan-expired'],
      422: ['usage-too-wide'],
      429: ['scans-busy'],
    },
  })
  usageOfId(
    @Param('id', new ZodPipe(schemaIdParameter)) id: number,
    @Query(new ZodPipe(usageQuery)) query: UsageQuery,
    @CurrentPrincipal() principal: Principal,
    @RequestSignal() signal: AbortSignal,
  ): Promise<IdUsageView> {
    return this.usages.usageOfId(principal, id, query.scan, signal);
  }

  @Post('schema-usage/plans')
  @PlanOncePerKey()
  @HttpCode(201)
  @Access('operate', 'service')
  @ApiJson({
    id: 'planUsageScan',
    summary: 'Plan a scan that counts which schemas retained records name',
    description:
      'Reads nothing yet; the plan names the offsets up to which records will be counted. Start it with its hash: `POST /v1/operations {"planHash": …}`.',
    tag,
    body: usagePlanBody,
    bodyExample: {},
    response: scanPlanView,
    status: 201,
    errors: { 400: ['scan-invalid'], 404: ['cluster-not-found'], 422: ['scan-too-wide'] },
  })
  async plan(
    @Body(new ZodPipe(usagePlanBody)) body: UsagePlanBody,
    @CurrentPrincipal() principal: Principal,
  ): Promise<ScanPlanView> {
    return scanPlanViewOf(await this.usages.plan(body, principal));
  }

  @Get('schema-usage/scans/:scan')
  @Access('read', 'service')
  @Conditional()
  @ApiJson({
    id: 'getUsageScan',
    summary: 'List what a scan has counted so far, schema by schema',
    tag,
    query: censusQuery,
    response: censusView,
    errors: { 404: ['scan-not-found', 'operation-not-found'], 410: ['scan-expired'] },
  })
  counted(
    @Param('scan') scan: string,
    @Query(new ZodPipe(censusQuery)) query: CensusQuery,
    @CurrentPrincipal() principal: Principal,
  ): Promise<CensusView> {
    return this.usages.counted(principal, scan, query);
  }
}
