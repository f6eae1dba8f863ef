// What a Relay client asks: a paginated list that is kept true, refetched by node, and deleted from.
import { graphql } from 'relay-runtime';

export const list = graphql`
  query CampaignsQuery($id: ID!, $count: Int!) {
    site(id: $id) {
      ...Campaigns_site @arguments(count: $count)
    }
  }
`;

export const page = graphql`
  fragment Campaigns_site on Site
  @refetchable(queryName: "CampaignsPageQuery")
  @argumentDefinitions(count: { type: "Int", defaultValue: 25 }, cursor: { type: "String" }) {
    campaigns(first: $count, after: $cursor) @connection(key: "Campaigns_campaigns") {
      edges {
        node {
          id
          ...Campaigns_row
        }
      }
    }
  }
`;

export const row = graphql`
  fragment Campaigns_row on Campaign @refetchable(queryName: "CampaignsRowQuery") {
    name
    status
    allowedActions
  }
`;

export const remove = graphql`
  mutation CampaignsDeleteMutation($id: ID!, $connections: [ID!]!) {
    campaignDelete(id: $id) {
      deletedCampaignId @deleteEdge(connections: $connections)
      userErrors {
        code
        message
      }
    }
  }
`;

export const live = graphql`
  subscription CampaignsSubscription($id: ID!, $after: EventCursor) {
    campaignStatusChanged(campaignId: $id, after: $after) {
      cursor
      campaign {
        ...Campaigns_row
      }
    }
  }
`;
