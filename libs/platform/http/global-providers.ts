import { Module, type DynamicModule, type InjectionToken, type Provider, type Type } from '@nestjs/common';

@Module({})
class ProvidedModule {}

/** A global module of ready-made providers: what features need and do not make. Classes are type and token in one. */
export function globalProviders(providers: readonly Exclude<Provider, Type>[]): DynamicModule {
  return {
    module: ProvidedModule,
    global: true,
    providers: [...providers],
    exports: providers.map((provider): InjectionToken => provider.provide),
  };
}
