import { Controller, Get } from '@nestjs/common';
import { z } from 'zod';
import { Access } from '#libs/platform/auth';
import { ApiJson, ConfluentApi } from '#libs/platform/http';

const tag = 'schema registry';
const none = z.array(z.never());

/**
 * Associations of topics and subjects, of which there are none here. Serializers ask before they name a subject: an empty list lets them go on, any error would
 * fail the produce call (contract 2.9).
 */
@ConfluentApi()
@Controller('associations')
export class AssociationsController {
  @Get('subjects/:subject')
  @Access('read', 'subject', 'subject')
  @ApiJson({ id: 'listAssociationsOfSubject', summary: 'Associations of a subject: none', tag, response: none })
  ofSubject(): readonly never[] {
    return [];
  }

  @Get('resources/:namespace/:name')
  @Access('read', 'service')
  @ApiJson({ id: 'listAssociationsByName', summary: 'Associations of a resource: none', tag, response: none })
  ofResource(): readonly never[] {
    return [];
  }

  @Get('resources/:resource')
  @Access('read', 'service')
  @ApiJson({ id: 'listAssociationsOfResource', summary: 'Associations of a resource: none', tag, response: none })
  ofResourceId(): readonly never[] {
    return [];
  }
}
