import { Module } from '@nestjs/common';
import { RecordStreamController } from './record-stream.controller.js';
import { RecordsController } from './records.controller.js';
import { ProducedLines } from './produced-lines.js';
import { ProduceRoute } from './produce.route.js';
import { RecordPages } from './record-pages.js';
import { RecordsService } from './records.service.js';

/** Writing and reading records over REST. Needs `TopicDirectories`, `RecordWriter`, `MessageCodec`, `ServiceKeys` and `Clock` from the composition. */
@Module({
  controllers: [RecordsController, RecordStreamController],
  providers: [RecordsService, RecordPages, ProducedLines, ProduceRoute],
})
export class RecordsModule {}
