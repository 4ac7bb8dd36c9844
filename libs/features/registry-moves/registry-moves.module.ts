import { Module, type DynamicModule } from '@nestjs/common';
import type { UploadLimits } from '#libs/core/moving';
import { ExportRoute } from './export.route.js';
import { ImportsController } from './imports.controller.js';
import { ImportsService, UPLOAD_LIMITS } from './imports.service.js';
import { UploadRoute } from './upload.route.js';

export type RegistryMovesOptions = UploadLimits;

/** Moving registries over REST. Needs `OperationEngine` with an `ImportHandler`, `ImportStaging`, `SourceRegistries`, `RegistryStore`, `Authorizer` and `Clock`. */
@Module({})
export class RegistryMovesModule {
  static with(limits: RegistryMovesOptions): DynamicModule {
    return {
      module: RegistryMovesModule,
      controllers: [ImportsController],
      providers: [ImportsService, ExportRoute, UploadRoute, { provide: UPLOAD_LIMITS, useValue: limits }],
    };
  }
}
