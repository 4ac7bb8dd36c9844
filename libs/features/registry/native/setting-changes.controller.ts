import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { contractValues, modeNamed, type SettingChange, type SubjectName } from '#libs/core/registry';
import { Access, CurrentPrincipal, type Principal } from '#libs/platform/auth';
import { ApiJson, ZodPipe } from '#libs/platform/http';
import { SettingsService } from '../settings.service.js';
import {
  settingCheckBody,
  settingCheckView,
  type SettingCheckBody,
  type SettingCheckView,
} from './setting-changes.shapes.js';

/** Changes of settings and modes, tried before they are made: the paths of stock clients have no way to say so. */
@Controller('v1')
export class SettingChangesController {
  constructor(private readonly settings: SettingsService) {}

  @Post('setting-changes::check')
  @HttpCode(200)
  @Access('read', 'subject')
  @ApiJson({
    id: 'checkSettingChange',
    summary: 'Say whether settings or a mode could be set or taken away, and change nothing',
    description:
      'What `PUT` and `DELETE` of `/config` and `/mode` would refuse is refused here, for the same reason; that includes the right to govern the subject.',
    tag: 'schemas',
    body: settingCheckBody,
    bodyExample: { kind: 'set-mode', subject: 'orders-value', mode: 'IMPORT' },
    response: settingCheckView,
    errors: {
      404: ['subject-not-found'],
      422: ['mode-unknown', 'operation-not-permitted', 'schema-referenced', 'subject-invalid', 'rule-set-invalid'],
    },
  })
  async check(
    @Body(new ZodPipe(settingCheckBody)) body: SettingCheckBody,
    @CurrentPrincipal() principal: Principal,
  ): Promise<SettingCheckView> {
    const { purges } = await this.settings.preview(principal, body.subject, (scope) => changeOf(body, scope));
    return { kind: body.kind, subject: body.subject, purges };
  }
}

function changeOf(body: SettingCheckBody, scope: SubjectName): SettingChange {
  switch (body.kind) {
    case 'set-config':
      return { kind: body.kind, update: contractValues.configFrom(body.config, 'compatibility') };
    case 'set-mode':
      return { kind: body.kind, mode: modeNamed(body.mode, scope) };
    case 'delete-config':
    case 'delete-mode':
      return { kind: body.kind };
  }
}
