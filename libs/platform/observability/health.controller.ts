import { Controller, Get, Header, Inject, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { Access, declareRoute, Public } from '#libs/platform/auth';
import { ApiJson } from '#libs/platform/http';
import { Health, type Readiness } from './health.js';
import { Metrics } from './metrics.js';

const PROBE = 'orchestrators ask without credentials; the answer names parts of the service and no data';

const readiness = z.object({
  ready: z.boolean(),
  checks: z.record(
    z.string(),
    z.object({ status: z.enum(['ok', 'degraded', 'failing']), detail: z.string().optional() }),
  ),
});

/** Probes and metrics. */
@Controller()
export class HealthController {
  constructor(
    @Inject(Health) private readonly health: Health,
    @Inject(Metrics) private readonly metrics: Metrics,
  ) {}

  @Get('healthz')
  @Public(PROBE)
  @ApiJson({
    id: 'getHealth',
    summary: 'Tell whether the process answers at all',
    tag: 'service',
    response: z.object({ status: z.literal('ok') }),
  })
  healthz(): { status: 'ok' } {
    return { status: 'ok' };
  }

  @Get('readyz')
  @Public(PROBE)
  @ApiJson({
    id: 'getReadiness',
    summary: 'Tell whether the service can do its work, check by check',
    tag: 'service',
    description:
      'Status 503 with the same body when a check fails, and while the service starts or stops. What is degraded does a part of its work, and the service is ready.',
    response: readiness,
  })
  async readyz(@Res({ passthrough: true }) reply: FastifyReply): Promise<Readiness> {
    const state = await this.health.readiness();
    void reply.code(state.ready ? 200 : 503);
    return state;
  }

  @Get('startupz')
  @Public(PROBE)
  @ApiJson({
    id: 'getStartup',
    summary: 'Tell whether the start, recovery included, is done',
    tag: 'service',
    description: 'Status 503 with the same body until then.',
    response: z.object({ started: z.boolean(), progress: z.record(z.string(), z.unknown()) }),
  })
  startupz(@Res({ passthrough: true }) reply: FastifyReply): ReturnType<Health['startup']> {
    const state = this.health.startup();
    void reply.code(state.started ? 200 : 503);
    return state;
  }

  @Get('metrics')
  @Access('read', 'service')
  @Header('Cache-Control', 'no-store')
  @declareRoute({ answersAnyway: true })
  @ApiJson({
    id: 'getMetrics',
    summary: 'Read the metrics in the Prometheus text format',
    tag: 'service',
    response: z.string(),
    produces: 'text/plain',
  })
  async render(@Res({ passthrough: true }) reply: FastifyReply): Promise<string> {
    void reply.header('Content-Type', this.metrics.contentType);
    return this.metrics.render();
  }
}
