import { Injectable } from '@nestjs/common';
import { AppError, isAppError, isJsonObject, type JsonObject } from '#libs/core/kernel';
import { OperationEngine, type Plan } from '#libs/core/operations';
import {
  isOperated,
  sourcesOf,
  Views,
  type ActivateOptions,
  type DeclarationOutcome,
  type DeclaredStatus,
  type Redriven,
  type VersionComparison,
  type ViewStatus,
} from '#libs/core/streams';
import { Authorizer, type Principal } from '#libs/platform/auth';
import { pageOf, type Page, type PageRequest } from '#libs/platform/http';
import { notADeclaration, readDeclarationBody } from './declaration-body.js';
import type { RebuildPlanBody, VersionPlanBody } from './plan-schemas.js';

/** Views for principals: a view is read by who may read it; declaring one needs the right to read its topics too. */
@Injectable()
export class ViewsService {
  constructor(
    private readonly views: Views,
    private readonly engine: OperationEngine,
    private readonly authorizer: Authorizer,
  ) {}

  /** @param body JSON, or YAML in bytes @throws `invalid-view`, `invalid-yaml`, `view-exists`, `topic-not-found`. */
  declare(name: string, body: unknown, principal: Principal): Promise<DeclaredStatus> {
    return this.#declared(body, principal, (cluster, declaration) => this.views.declare(name, cluster, declaration));
  }

  /** What {@link declare} would do. @throws as that. */
  planDeclaration(name: string, body: unknown, principal: Principal): Promise<DeclarationOutcome> {
    return this.#declared(body, principal, (cluster, declaration) => this.views.plan(name, cluster, declaration));
  }

  async #declared<T>(
    body: unknown,
    principal: Principal,
    task: (cluster: string | undefined, declaration: JsonObject) => Promise<T>,
  ): Promise<T> {
    const { declaration: read, located } = readDeclarationBody(body);
    const { cluster, ...declaration } = read;
    if (cluster !== undefined && typeof cluster !== 'string') throw notADeclaration();
    for (const topic of topicsIn(declaration))
      this.authorizer.demand(principal, 'read', { kind: 'topic', name: topic });
    try {
      return await task(cluster, declaration);
    } catch (error) {
      throw located(error);
    }
  }

  async list(request: PageRequest, principal: Principal): Promise<Page<ViewStatus>> {
    const all = await this.views.list();
    const visible = all.filter((view) =>
      this.authorizer.allows(principal, 'read', { kind: 'view', name: view.stored.name }),
    );
    return pageOf(visible, request, (view) => view.stored.name);
  }

  describe(name: string): Promise<ViewStatus> {
    return this.views.describe(name);
  }

  /** Whether its topics still hold all that its rows are made of; null where one of them cannot be asked. */
  async isRegenerable({ stored }: ViewStatus): Promise<boolean | null> {
    try {
      return (await this.views.versions.lostBy(stored)).length === 0;
    } catch (error) {
      if (isAppError(error)) return null;
      throw error;
    }
  }

  /** @param dryRun only answers the view as it would be. */
  async setState(name: string, state: 'RUNNING' | 'PAUSED', dryRun: boolean): Promise<ViewStatus> {
    if (!dryRun) return await this.views.setState(name, state);
    const view = await this.views.describe(name);
    return { ...view, stored: { ...view.stored, state } };
  }

  /** @throws `view-operated` while an operation works on it. */
  async delete(name: string): Promise<void> {
    await this.#demandUnoperated(name);
    return this.views.delete(name);
  }

  /** What {@link delete} would refuse; changes nothing. @throws what it throws. */
  async tryDelete(name: string): Promise<void> {
    await this.#demandUnoperated(name);
    await this.views.describe(name);
  }

  redrive(name: string, limit: number): Promise<Redriven> {
    return this.views.redrive(name, limit);
  }

  versions(name: string): Promise<readonly ViewStatus[]> {
    return this.views.versions.list(name);
  }

  /** Builds the present declaration anew; whoever does may read its topics. */
  async rebuild(name: string, principal: Principal): Promise<ViewStatus> {
    const { definition } = await this.views.describe(name);
    for (const topic of sourcesOf(definition))
      this.authorizer.demand(principal, 'read', { kind: 'topic', name: topic });
    return this.views.versions.draft(name, undefined);
  }

  activate(name: string, version: number, options: ActivateOptions): Promise<ViewStatus> {
    return this.views.versions.activate(name, version, options);
  }

  rollback(name: string): Promise<ViewStatus> {
    return this.views.versions.rollback(name);
  }

  verify(name: string, version: number): Promise<VersionComparison> {
    return this.views.versions.verify(name, version);
  }

  /** @throws `view-operated` for a version that an operation builds. */
  async retire(
    name: string,
    version: number,
    options: { readonly incomplete: boolean },
    dryRun: boolean,
  ): Promise<void> {
    const view = (await this.views.versions.list(name)).find(({ stored }) => stored.version === version);
    if (view !== undefined && isOperated(view.stored)) await this.#demandUnoperated(name);
    if (dryRun) await this.views.versions.demandRetirable(name, version, options);
    else await this.views.versions.retire(name, version, options);
  }

  /** Plans another version, of a declaration or of the present one anew; whoever does may read its topics. */
  async planVersion(name: string, body: VersionPlanBody, principal: Principal): Promise<Plan> {
    const { definition } = await this.views.describe(name);
    const topics = body.declaration === undefined ? sourcesOf(definition) : topicsIn(body.declaration as JsonObject);
    for (const topic of topics) this.authorizer.demand(principal, 'read', { kind: 'topic', name: topic });
    return this.engine.plan('view-version', { name, ...(body as JsonObject) }, principal.id);
  }

  /** Plans to compute rows of some keys anew; whoever does may read the topics of the view. */
  async planRebuild(name: string, body: RebuildPlanBody, principal: Principal): Promise<Plan> {
    const { definition } = await this.views.describe(name);
    for (const topic of sourcesOf(definition))
      this.authorizer.demand(principal, 'read', { kind: 'topic', name: topic });
    return this.engine.plan('view-rebuild', { name, ...(body as JsonObject) }, principal.id);
  }

  async #demandUnoperated(name: string): Promise<void> {
    const [live] = await this.engine.list({ subject: `view:${name}`, live: true }, 1);
    if (live === undefined) return;
    throw new AppError({
      kind: 'conflict',
      code: 'view-operated',
      message: `Operation ${live.id} (${live.kind}, ${live.state}) works on view '${name}'.`,
      hint: `Cancel it or finish it first: /v1/operations/${live.id}.`,
      details: { view: name, operation: live.id },
    });
  }

  async refused(
    name: string,
    limit: number,
  ): Promise<{ topic: string; partition: number; offset: number; code: string; message: string }[]> {
    const { definition } = await this.views.describe(name);
    const topics = sourcesOf(definition);
    return (await this.views.refused(name, limit)).map(({ source, ...record }) => ({
      topic: topics[source]!,
      ...record,
    }));
  }
}

/** Topics a declaration names, however broken the rest of it is. */
function topicsIn(declaration: JsonObject): string[] {
  const listed = [declaration['sources'], declaration['joins']].flatMap((list) => (Array.isArray(list) ? list : []));
  const sources = [declaration['source'], ...listed];
  return sources.flatMap((source) =>
    isJsonObject(source) && typeof source['topic'] === 'string' ? [source['topic']] : [],
  );
}
