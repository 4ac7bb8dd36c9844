import { randomBytes } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { AppError, Clock, type JsonObject } from '#libs/core/kernel';
import {
  ImportStaging,
  KEEP_STAGED_MS,
  SourceRegistries,
  Upload,
  type Staged,
  type UploadFacts,
  type UploadLimits,
} from '#libs/core/moving';
import { OperationEngine, type Plan } from '#libs/core/operations';
import { Authorizer, type Principal } from '#libs/platform/auth';
import { turn } from '#libs/platform/http';
import type { ImportPlanBody } from './import-shapes.js';

export const UPLOAD_LIMITS = Symbol('limits of uploads');

/** How ids of uploads begin; what operations and plans read stands under other ids. */
const UPLOAD = 'upload-';
/** Uploads kept at a time, each as large as limits allow. */
const MAX_UPLOADS = 5;

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

  /** @throws `import-uploads-full`, and what {@link Upload.read} throws; nothing of a refused upload is kept. */
  async upload(body: AsyncIterable<Uint8Array>): Promise<UploadFacts & { readonly id: string }> {
    const id = `${UPLOAD}${randomBytes(10).toString('hex')}`;
    await this.staging.prune(this.clock.now() - KEEP_STAGED_MS);
    await this.staging.begin(id, this.clock.now());
    try {
      if ((await this.uploads()).length > MAX_UPLOADS) throw uploadsFull();
      return { id, ...(await new Upload(this.staging, id, this.limits, turn).read(body)) };
    } catch (error) {
      await this.staging.drop(id);
      throw error;
    }
  }

  /** The oldest first. */
  async uploads(): Promise<readonly Staged[]> {
    return (await this.staging.list()).filter(({ id }) => id.startsWith(UPLOAD));
  }

  /** Forgets an upload; harmless when it is gone. @throws `import-upload-in-use` */
  async removeUpload(id: string): Promise<void> {
    if (!id.startsWith(UPLOAD)) return;
    const staged = await this.staging.find(id);
    if (staged?.held === true) throw uploadInUse(id);
    await this.staging.drop(id);
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

function uploadsFull(): AppError {
  return new AppError({
    kind: 'exhausted',
    code: 'import-uploads-full',
    message: `${MAX_UPLOADS} uploads are kept; there are no more at a time.`,
    hint: 'Import one of them, or delete it: GET /v1/registry-imports/uploads.',
    details: { limit: 'uploads', value: MAX_UPLOADS },
  });
}

function uploadInUse(id: string): AppError {
  return new AppError({
    kind: 'conflict',
    code: 'import-upload-in-use',
    message: `An import needs upload '${id}'.`,
    hint: 'Cancel the import, or let it end.',
  });
}
