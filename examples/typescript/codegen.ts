// Types of the documents in follow.ts, written from the schema.
import type { CodegenConfig } from '@graphql-codegen/cli';

const config: CodegenConfig = {
  schema: '../../schema.graphql',
  documents: ['follow.ts'],
  generates: {
    './generated/': {
      preset: 'client',
      presetConfig: { fragmentMasking: false },
      config: {
        documentMode: 'string',
        strictScalars: true,
        useTypeImports: true,
        enumsAsTypes: true,
        defaultScalarType: 'string',
        scalars: {
          DateTime: 'string',
          Decimal: 'string',
          Duration: 'string',
          EventCursor: 'string',
          LocalDate: 'string',
          LocalDateTime: 'string',
          LocalTime: 'string',
          PhoneNumber: 'string',
          TimeZone: 'string',
          URL: 'string',
        },
      },
    },
  },
  emitLegacyCommonJSImports: false,
};

export default config;
