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
      // Values such as counts and schedules are no entities: what has an id is a Node.
      '@graphql-eslint/strict-id-in-types': 'off',
      // A connection offers its nodes beside its edges, and some of what is listed is a value.
      '@graphql-eslint/relay-edge-types': ['error', { withEdgeSuffix: true, shouldImplementNode: false,
        listTypeCanWrapOnlyEdgeType: false }],
      // The arguments of GraphQL's own directives have none.
      '@graphql-eslint/require-description': ['error', { types: true, FieldDefinition: true,
        InputValueDefinition: true, EnumValueDefinition: true,
        ignoredSelectors: ['DirectiveDefinition InputValueDefinition'] }],
    },
  },
  {
    files: ['tools/operations/*.graphql'],
    rules: graphql.configs['flat/operations-recommended'].rules,
  },
];
