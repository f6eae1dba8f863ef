// The shape of the schema and of the operations on it, by the rules of graphql-eslint.
import graphql from '@graphql-eslint/eslint-plugin';

const parser = { graphQLConfig: { schema: '../../schema.graphql', documents: 'tools/operations/*.graphql' } };

export default [
  {
    files: ['**/*.graphql'],
    languageOptions: { parser: graphql.parser, parserOptions: parser },
    plugins: { '@graphql-eslint': graphql },
  },
  {
    files: ['**/schema.graphql'],
    rules: {
      ...graphql.configs['flat/schema-recommended'].rules,
      ...graphql.configs['flat/schema-relay'].rules,
      '@graphql-eslint/require-description': ['error', { types: true, FieldDefinition: true,
        InputValueDefinition: true, EnumValueDefinition: true, DirectiveDefinition: true }],
    },
  },
  {
    files: ['tools/operations/*.graphql'],
    rules: graphql.configs['flat/operations-recommended'].rules,
  },
];
