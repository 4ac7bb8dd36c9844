import { Module } from '@nestjs/common';
import { ConfluentErrorMapper } from '#libs/platform/http';
import { AssociationsController } from './associations.controller.js';
import { AssociationsService } from './associations.service.js';
import { CompatibilityController } from './compatibility.controller.js';
import { ConfigController } from './config.controller.js';
import { RegistryErrorMapper } from './confluent-errors.js';
import { ContextsController } from './contexts.controller.js';
import { ModeController } from './mode.controller.js';
import { RegistrationPolicyController } from './native/registration-policy.controller.js';
import { SchemaChangesController } from './native/schema-changes.controller.js';
import { SchemaChangesService } from './native/schema-changes.service.js';
import { SchemaDeletionsController } from './native/schema-deletions.controller.js';
import { SchemaDeletionsService } from './native/schema-deletions.service.js';
import { SchemaEventsController } from './native/schema-events.controller.js';
import { SchemaEventsService } from './native/schema-events.service.js';
import { SchemaSearchController } from './native/schema-search.controller.js';
import { SchemaSearchService } from './native/schema-search.service.js';
import { SettingChangesController } from './native/setting-changes.controller.js';
import { SubjectHistoryController } from './native/subject-history.controller.js';
import { SubjectHistoryService } from './native/subject-history.service.js';
import { RegistrationRight } from './registration-right.js';
import { RegistryIdentity } from './registry-identity.js';
import { SchemaChecksController } from './schema-checks.controller.js';
import { SchemaInferenceController } from './schema-inference.controller.js';
import { SchemaChecksService } from './schema-checks.service.js';
import { SchemaListService } from './schema-list.service.js';
import { SchemaTexts } from './schema-texts.js';
import { SchemasController } from './schemas.controller.js';
import { SchemasService } from './schemas.service.js';
import { SerializerRoutes } from './serializer.routes.js';
import { RootController, ServiceInfoController } from './service-info.controller.js';
import { SettingsService } from './settings.service.js';
import { SubjectsController } from './subjects.controller.js';
import { SubjectsService } from './subjects.service.js';
import { TopicInferenceController } from './topic-inference.controller.js';

/** The schema registry over REST, at the paths and in the words stock clients know. Needs `Registry` and `Authorizer` from the composition. */
@Module({
  controllers: [
    RootController,
    ServiceInfoController,
    SubjectsController,
    SchemasController,
    CompatibilityController,
    ConfigController,
    ModeController,
    ContextsController,
    AssociationsController,
    SchemaChecksController,
    SchemaInferenceController,
    TopicInferenceController,
    SchemaEventsController,
    SchemaChangesController,
    SchemaDeletionsController,
    SchemaSearchController,
    SubjectHistoryController,
    SettingChangesController,
    RegistrationPolicyController,
  ],
  providers: [
    SubjectsService,
    SchemasService,
    SettingsService,
    SchemaTexts,
    SchemaChecksService,
    AssociationsService,
    SchemaListService,
    SchemaEventsService,
    SchemaChangesService,
    SchemaDeletionsService,
    SchemaSearchService,
    SubjectHistoryService,
    RegistrationRight,
    SerializerRoutes,
    RegistryIdentity,
    { provide: ConfluentErrorMapper, useClass: RegistryErrorMapper },
  ],
})
export class RegistryModule {}
