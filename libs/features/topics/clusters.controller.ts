import { Controller, Get } from '@nestjs/common';
import { z } from 'zod';
import { Clusters } from '#libs/core/log';
import { Access } from '#libs/platform/auth';
import { ApiJson } from '#libs/platform/http';
import { clusterView, type ClusterView } from './topic-schemas.js';
import { clusterOf } from './topic-view.js';

const clusterList = z.object({ items: z.array(clusterView) });

/** The configured clusters and what their engines can do. */
@Controller('v1/clusters')
export class ClustersController {
  constructor(private readonly clusters: Clusters) {}

  @Get()
  @Access('read', 'cluster')
  @ApiJson({ id: 'listClusters', summary: 'List the configured clusters', tag: 'topics', response: clusterList })
  list(): { items: ClusterView[] } {
    const { defaultName } = this.clusters;
    return {
      items: this.clusters.names().map((name) => clusterOf(name, name === defaultName, this.clusters.get(name))),
    };
  }
}
