import { Module } from '@nestjs/common';
import { RecordsController } from './records.controller.js';
import { RecordsService } from './records.service.js';

/** Writing and reading records over REST. Needs `TopicDirectories`, `MessageCodec` and `Clock` from the composition. */
@Module({ controllers: [RecordsController], providers: [RecordsService] })
export class RecordsModule {}
