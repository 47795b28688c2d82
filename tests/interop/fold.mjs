// How public events fold into the view of a game, on proto3 JSON and in plain JavaScript:
// docs/fold.md in code. Copy it, or check your own fold with vectors/fold as check_fold.mjs does.
//
// A view is a Game as JSON has it. What is empty is absent, as in proto3 JSON: no players,
// no votes, no passcode. Events are never changed, and views share parts with them.

const placeOf = (list, key, id) => list.findIndex((each) => each[key] === id);

// Put `item` where the one with its id stands; at the end where there is none.
function upsert(list, key, item) {
  if (placeOf(list, key, item[key]) < 0) return [...list, item];
  return list.map((each) => (each[key] === item[key] ? item : each));
}

// Put `items` before the one with the id `before`; at the end where there is none.
function insert(list, key, items, before) {
  const place = placeOf(list, key, before);
  return place < 0 ? [...list, ...items] : [...list.slice(0, place), ...items, ...list.slice(place)];
}

const without = (list, key, id) => list.filter((each) => each[key] !== id);

// A copy without what is empty, as proto3 JSON would have it.
function tidy(message) {
  const isEmpty = (value) =>
    value === undefined || value === false || value === '' || (Array.isArray(value) && !value.length);
  return Object.fromEntries(Object.entries(message).filter(([, value]) => !isEmpty(value)));
}

// Change some fields of the open round; undefined takes one away. A revealed round never changes.
function changeOpenRound(view, change) {
  if (view.phase !== 'GAME_PHASE_VOTING') return view;
  return { ...view, currentRound: tidy({ ...view.currentRound, ...change(view.currentRound) }) };
}

function dropOpenVote(view, playerId) {
  return changeOpenRound(view, ({ votedPlayerIds = [] }) => ({
    votedPlayerIds: votedPlayerIds.filter((each) => each !== playerId),
  }));
}

function removePlayer(view, { playerId }) {
  return dropOpenVote({ ...view, players: without(view.players, 'playerId', playerId) }, playerId);
}

// A story that is not in the backlog any more stays out of it.
function putStory(view, story) {
  if (!story || placeOf(view.stories, 'storyId', story.storyId) < 0) return view;
  return { ...view, stories: upsert(view.stories, 'storyId', story) };
}

// One line or function a kind of event: (view, the event's message, the event) → the next view.
// `seatReset` changes nothing that can be seen, and so has none.
const FOLDS = {
  gameCreated: (view, { game }) => ({ ...view, ...game }),
  gameUpdated: (view, { displayName, settings, passcodeRequired }) => ({
    ...view,
    displayName,
    settings,
    passcodeRequired,
  }),
  gameEnded: (view, _, { eventTime }) => ({
    ...view,
    phase: 'GAME_PHASE_ENDED',
    endTime: eventTime,
  }),

  playerJoined: (view, { player }) => ({
    ...view,
    players: upsert(view.players, 'playerId', player),
  }),
  playerUpdated: (view, { player }) => {
    const next = { ...view, players: upsert(view.players, 'playerId', player) };
    return player.role === 'PLAYER_ROLE_VOTER' ? next : dropOpenVote(next, player.playerId);
  },
  playerLeft: removePlayer,
  playerRemoved: removePlayer,

  storiesAdded: (view, { stories, beforeStoryId }) => ({
    ...view,
    stories: insert(view.stories, 'storyId', stories, beforeStoryId),
  }),
  storyUpdated: (view, { story }) => putStory(view, story),
  storyMoved: (view, { storyId, beforeStoryId }) => {
    const moved = view.stories.filter((each) => each.storyId === storyId);
    const rest = without(view.stories, 'storyId', storyId);
    return { ...view, stories: insert(rest, 'storyId', moved, beforeStoryId) };
  },
  storyRemoved: (view, { storyId }) => ({
    ...view,
    stories: without(view.stories, 'storyId', storyId),
  }),

  roundStarted: (view, { round, story }) =>
    putStory({ ...view, phase: 'GAME_PHASE_VOTING', currentRound: round }, story),
  voteSubmitted: (view, { playerId }) =>
    changeOpenRound(view, ({ votedPlayerIds = [] }) => ({
      votedPlayerIds: votedPlayerIds.includes(playerId)
        ? votedPlayerIds
        : [...votedPlayerIds, playerId],
    })),
  voteRetracted: (view, { playerId }) => dropOpenVote(view, playerId),
  revealScheduled: (view, { revealTime }) => changeOpenRound(view, () => ({ revealTime })),
  revealCancelled: (view) => changeOpenRound(view, () => ({ revealTime: undefined })),
  deadlineSet: (view, { expireTime }) => changeOpenRound(view, () => ({ expireTime })),
  roundAbandoned: (view) => ({ ...view, phase: 'GAME_PHASE_LOBBY', currentRound: undefined }),
  votesRevealed: (view, { round, story }) =>
    putStory({ ...view, phase: 'GAME_PHASE_REVEALED', currentRound: round }, story),
  estimateAccepted: (view, { story }) => putStory(view, story),
};

// The view after `event`; `view` is a snapshot, an earlier result, or null before the first event.
// Throws where the event is not the next one. A kind that is not known here only moves the version.
export function fold(view, event) {
  const before = { players: [], stories: [], ...view };
  if (event.version !== (before.version ?? 0) + 1) {
    throw new RangeError(`event ${event.version} does not follow version ${before.version ?? 0}`);
  }
  const kind = Object.keys(event).find((key) => Object.hasOwn(FOLDS, key));
  const after = kind ? FOLDS[kind](before, event[kind], event) : before;
  return tidy({ ...after, version: event.version });
}
