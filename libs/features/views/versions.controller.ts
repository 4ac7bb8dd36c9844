import { Body, Controller, Delete, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { outcomeUnknown, type Attempt } from '#libs/core/idempotency';
import { Access, CurrentPrincipal, type Principal } from '#libs/platform/auth';
import { ApiJson, CurrentAttempt, DeletionOncePerKey, OncePerKey, PlanOncePerKey, ZodPipe } from '#libs/platform/http';
import {
  rebuildPlanBody,
  versionPlanBody,
  viewPlanView,
  viewPlanViewOf,
  type RebuildPlanBody,
  type VersionPlanBody,
  type ViewPlanView,
} from './plan-schemas.js';
import {
  activation,
  comparisonView,
  retirement,
  versionList,
  versionParameters,
  viewView,
  type Activation,
  type ComparisonView,
  type Retirement,
  type VersionList,
  type VersionParameters,
  type ViewView,
} from './view-schemas.js';
import { viewOf } from './view-view.js';
import { ViewsService } from './views.service.js';

const tag = 'views';
const parameters = new ZodPipe(versionParameters);

/** Versions of views side by side. */
@Controller('v1/views')
export class VersionsController {
  constructor(private readonly views: ViewsService) {}

  @Get(':view/versions')
  @Access('read', 'view', 'view')
  @ApiJson({ id: 'listViewVersions', summary: 'List the versions of a view', tag, response: versionList })
  async list(@Param('view') view: string): Promise<VersionList> {
    return { items: (await this.views.versions(view)).map(viewOf) };
  }

  @Post(':view/versions')
  @HttpCode(200)
  @Access('alter', 'view', 'view')
  @ApiJson({
    id: 'rebuildView',
    summary: 'Build a view anew, beside the present version',
    description: 'A draft of the same declaration, from the beginning of its topics. It is asked once it is activated.',
    tag,
    response: viewView,
    errors: { 409: ['view-draft-exists'] },
  })
  async rebuild(@Param('view') view: string, @CurrentPrincipal() principal: Principal): Promise<ViewView> {
    return viewOf(await this.views.rebuild(view, principal));
  }

  @Post(':view/versions/:version/activate')
  @OncePerKey()
  @HttpCode(200)
  @Access('alter', 'view', 'view')
  @ApiJson({
    id: 'activateViewVersion',
    summary: 'Let queries see another version',
    description:
      'At once, and only when it has read everything. One of the same declaration is compared with the active one first; a version whose topics no longer hold everything needs `incomplete`.',
    tag,
    body: activation,
    response: viewView,
    errors: { 409: ['view-version-behind', 'view-versions-differ', 'view-not-regenerable', 'view-version-operated'] },
  })
  async activate(
    @Param(parameters) { view, version }: VersionParameters,
    @Body(new ZodPipe(activation)) body: Activation,
  ): Promise<ViewView> {
    return viewOf(await this.views.activate(view, version, body ?? { incomplete: false }));
  }

  @Post(':view/versions/:version/verify')
  @HttpCode(200)
  @Access('operate', 'view', 'view')
  @ApiJson({
    id: 'verifyViewVersion',
    summary: 'Compare the rows of a version with those of the active one',
    tag,
    response: comparisonView,
  })
  async verify(@Param(parameters) { view, version }: VersionParameters): Promise<ComparisonView> {
    const { rows, columns, ...comparison } = await this.views.verify(view, version);
    return { ...comparison, columns: [...columns], rows: { active: rows[0], version: rows[1] } };
  }

  @Delete(':view/versions/:version')
  @DeletionOncePerKey()
  @HttpCode(204)
  @Access('alter', 'view', 'view')
  @ApiJson({
    id: 'retireViewVersion',
    summary: 'Remove a version that is not asked',
    description:
      'One that was asked before goes only if its rows could be made again from its topics, unless `incomplete` is said.',
    tag,
    query: retirement,
    status: 204,
    errors: { 409: ['view-version-active', 'view-not-regenerable', 'view-operated'] },
  })
  async retire(
    @Param(parameters) { view, version }: VersionParameters,
    @Query(new ZodPipe(retirement)) query: Retirement,
  ): Promise<void> {
    await this.views.retire(view, version, { incomplete: query.incomplete === 'true' }, query.dryRun === 'true');
  }

  @Post(':view/versions/plans')
  @PlanOncePerKey()
  @HttpCode(201)
  @Access('alter', 'view', 'view')
  @ApiJson({
    id: 'planViewVersion',
    summary: 'Plan another version of a view, built by an operation',
    description:
      'Of another declaration, or of the present one anew. Looks and changes nothing. The operation fills the version beside the present one at a pace, compares both at equal positions and lets queries see it; `rollback` lets them see the one before again, `finish` removes that. Start the plan with its hash: `POST /v1/operations {"planHash": …}`.',
    tag,
    body: versionPlanBody,
    bodyExample: { cutover: { mode: 'manual' } },
    response: viewPlanView,
    status: 201,
    errors: { 404: ['view-not-found', 'topic-not-found'], 422: ['invalid-view'] },
  })
  async plan(
    @Param('view') view: string,
    @Body(new ZodPipe(versionPlanBody)) body: VersionPlanBody,
    @CurrentPrincipal() principal: Principal,
  ): Promise<ViewPlanView> {
    return viewPlanViewOf('view-version', await this.views.planVersion(view, body, principal));
  }

  @Post(':view/rebuilds/plans')
  @PlanOncePerKey()
  @HttpCode(201)
  @Access('alter', 'view', 'view')
  @ApiJson({
    id: 'planViewRebuild',
    summary: 'Plan to compute rows of a view anew, in place',
    description:
      'Rows of keys that are named, or of those that have records in some partitions, offsets or times. Looks and changes nothing. The operation computes them from the topics beside the view and puts them in the place of those there are, each at exactly the position where the view stands; all other rows stay as they are. To build all of a view anew plan a version of it. Start the plan with its hash: `POST /v1/operations {"planHash": …}`.',
    tag,
    body: rebuildPlanBody,
    bodyExample: { scope: { keys: ['o1'] } },
    response: viewPlanView,
    status: 201,
    errors: { 400: ['invalid-view-rebuild-request'], 404: ['view-not-found'] },
  })
  async planRebuild(
    @Param('view') view: string,
    @Body(new ZodPipe(rebuildPlanBody)) body: RebuildPlanBody,
    @CurrentPrincipal() principal: Principal,
  ): Promise<ViewPlanView> {
    return viewPlanViewOf('view-rebuild', await this.views.planRebuild(view, body, principal));
  }

  @Post(':view/rollback')
  @OncePerKey()
  @HttpCode(200)
  @Access('alter', 'view', 'view')
  @ApiJson({
    id: 'rollbackView',
    summary: 'Let queries see the version before again',
    description:
      'Done twice it is undone. With the header `Idempotency-Key` it is done once, however often it is sent within a day.',
    tag,
    response: viewView,
    errors: {
      409: ['view-no-previous-version', 'view-version-behind', 'idempotency-key-in-use', 'idempotency-outcome-unknown'],
    },
  })
  async rollback(@Param('view') view: string, @CurrentAttempt() attempt: Attempt | undefined): Promise<ViewView> {
    // From how the versions stand it cannot be told whether they stood the other way round before.
    if (attempt?.again === true) throw outcomeUnknown(`Look at GET /v1/views/${view}/versions.`);
    return viewOf(await this.views.rollback(view));
  }
}
