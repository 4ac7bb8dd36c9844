import { Module, type DynamicModule } from '@nestjs/common';
import { HealthController } from './health.controller.js';
import { Health } from './health.js';
import { Metrics } from './metrics.js';

/** Probes and metrics over HTTP; {@link Health} and {@link Metrics} for every module. */
@Module({})
export class ObservabilityModule {
  static with(health: Health, metrics: Metrics): DynamicModule {
    return {
      module: ObservabilityModule,
      global: true,
      controllers: [HealthController],
      providers: [
        { provide: Health, useValue: health },
        { provide: Metrics, useValue: metrics },
      ],
      exports: [Health, Metrics],
    };
  }
}
