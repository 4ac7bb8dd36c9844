import { Module } from '@nestjs/common';
import { WhoamiController } from './whoami.controller.js';

/** What callers may ask about their own access. */
@Module({ controllers: [WhoamiController] })
export class AccessModule {}
