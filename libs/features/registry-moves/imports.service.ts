import { randomBytes } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { Clock, type JsonObject } from '#libs/core/kernel';
import { ImportStaging, SourceRegistries, Upload, type UploadFacts, type UploadLimits } from '#libs/core/moving';
import { OperationEngine, type Plan } from '#libs/core/operations';
import { Authorizer, type Principal } from '#libs/platform/auth';
import type { ImportPlanBody } from './import-shapes.js';

export const UPLOAD_LIMITS = Symbol('limits of uploads');

/** How long an upload that no import uses is kept. */
const KEEP_MS = 86_400_000;

/** Uploads and plans of imports for principals. Starting and steering an import is the operation engine's. */
@Injectable()
export class ImportsService {
  constructor(
    private readonly engine: OperationEngine,
    private readonly staging: ImportStaging,
    private readonly registries: SourceRegistries,
    private readonly authorizer: Authorizer,
    private readonly clock: Clock,
    @Inject(UPLOAD_LIMITS) private readonly limits: UploadLimits,
  ) {}

  /** @throws what {@link Upload.read} throws; nothing of a refused upload is kept. */
  async upload(body: AsyncIterable<Uint8Array>): Promise<UploadFacts & { readonly id: string }> {
    const id = `upload-${randomBytes(10).toString('hex')}`;
    await this.staging.prune(this.clock.now() - KEEP_MS);
    await this.staging.begin(id, this.clock.now());
    try {
      return { id, ...(await new Upload(this.staging, id, this.limits).read(body)) };
    } catch (error) {
      await this.staging.drop(id);
      throw error;
    }
  }

  /** @throws `invalid-import`, `source-registry-…`, `import-upload-not-found`, `topic-not-found`. */
  plan(body: ImportPlanBody, principal: Principal): Promise<Plan> {
    if ('topic' in body.source) this.authorizer.demand(principal, 'read', { kind: 'topic', name: body.source.topic });
    return this.engine.plan('registry-import', JSON.parse(JSON.stringify(body)) as JsonObject, principal.id);
  }

  sources(): { readonly name: string; readonly url: string }[] {
    return this.registries.list().map(({ name, location: url }) => ({ name, url }));
  }
}
