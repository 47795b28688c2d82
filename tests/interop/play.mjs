// Plays one round from two seats, knowing nothing but the committed protos:
//
//   node play.mjs HOST:PORT PROTOS_FOLDER
//
// Prints what each seat saw as one JSON object, and fails if it waits too long.

import { randomBytes, randomUUID } from 'node:crypto';
import grpc from '@grpc/grpc-js';
import protoLoader from '@grpc/proto-loader';

const [address, protos] = process.argv.slice(2);
const TIMEOUT_MS = 20_000;

const definition = await protoLoader.load('planningpoker/v1/service.proto', {
  includeDirs: [protos],
  enums: String,
  oneofs: true,
});
const { PlanningPokerService } = grpc.loadPackageDefinition(definition).planningpoker.v1;

// One stream with one seat: sends envelopes, keeps the events in order, acknowledges them.
class Seat {
  constructor(name) {
    this.name = name;
    this.secret = randomBytes(32);
    this.playerId = '';
    this.events = [];
    this.received = [];
    this.waiting = [];
    this.service = new PlanningPokerService(address, grpc.credentials.createInsecure());
    this.stream = this.service.play();
    this.stream.on('data', (envelope) => this.receive(envelope));
    this.stream.on('error', (error) => this.waiting.forEach((each) => each.reject(error)));
  }

  send(payload, correlationId = randomUUID()) {
    this.stream.write({ correlationId, version: 1, ...payload });
    return correlationId;
  }

  receive(envelope) {
    this.received.push(envelope);
    if (envelope.payload === 'eventBatch') {
      this.events.push(...envelope.eventBatch.events);
      this.acknowledge(this.events.at(-1).version);
    } else if (envelope.payload === 'attached') {
      this.snapshot = envelope.attached.snapshot;
      this.acknowledge(this.snapshot.version);
    }
    for (const each of this.waiting) {
      if (each.matches(envelope)) each.resolve(envelope);
    }
  }

  acknowledge(version) {
    this.send({ ack: { gameId: this.snapshot.gameId, version } });
  }

  until(matches) {
    const known = this.received.find(matches);
    if (known) return Promise.resolve(known);
    return new Promise((resolve, reject) => {
      this.waiting.push({ matches, resolve, reject });
    });
  }

  event(name) {
    return this.until(() => this.events.some((event) => event.event === name)).then(() =>
      this.events.find((event) => event.event === name),
    );
  }

  async hello() {
    this.send({ hello: { clientName: 'interop', clientVersion: '1', versions: [1] } });
    return (await this.until((envelope) => envelope.payload === 'welcome')).welcome;
  }

  async command(body, gameId = this.snapshot.gameId) {
    const correlationId = this.send({
      command: { gameId, playerId: this.playerId, ...body },
    });
    const { commandResult } = await this.until(
      (envelope) =>
        envelope.payload === 'commandResult' && envelope.correlationId === correlationId,
    );
    if (commandResult.outcome !== 'accepted') {
      throw new Error(`${this.name}: ${JSON.stringify(commandResult.refusal)}`);
    }
    return commandResult.accepted;
  }

  // The same without the stream.
  execute(body, correlationId = randomUUID()) {
    const command = { gameId: this.snapshot.gameId, playerId: this.playerId, ...body };
    return new Promise((resolve, reject) => {
      this.service.execute({ correlationId, command, seatSecret: this.secret }, (error, answer) =>
        error ? reject(error) : resolve(answer.result),
      );
    });
  }

  async sit(body, gameId) {
    await this.hello();
    const seat = { displayName: this.name, seatSecret: this.secret, attach: true };
    this.playerId = (await this.command(body(seat), gameId)).playerId;
  }

  // Half-close, so that the server ends the stream in its own way.
  async close() {
    const ended = new Promise((resolve) => this.stream.once('status', resolve));
    this.stream.end();
    await ended;
    this.service.close();
  }

  report() {
    const revealed = this.events.find((event) => event.event === 'votesRevealed').votesRevealed;
    return {
      playerId: this.playerId,
      joinedAt: this.snapshot.version,
      versions: this.events.map((event) => event.version),
      votedFields: this.events
        .filter((event) => event.event === 'voteSubmitted')
        .map((event) => Object.keys(event.voteSubmitted).sort()),
      ownCard: this.received.filter((e) => e.payload === 'seatState').at(-1).seatState.card,
      votes: Object.fromEntries(revealed.round.votes.map((vote) => [vote.displayName, vote.card])),
      mean: revealed.round.statistics.mean,
    };
  }
}

async function play() {
  const ada = new Seat('Ada');
  await ada.sit((creator) => ({ createGame: { displayName: 'Sprint 12', creator } }), '');
  const added = await ada.command({ addStories: { stories: [{ title: 'Login page' }] } });

  const bob = new Seat('Bob');
  await bob.sit((joinGame) => ({ joinGame }), ada.snapshot.joinCode);

  const { roundId } = await ada.command({ startRound: { storyId: added.storyIds[0] } });
  await bob.event('roundStarted');
  await ada.command({ submitVote: { roundId, card: '5' } });
  await bob.command({ submitVote: { roundId, card: '8' } });
  await ada.command({ revealVotes: { roundId } });
  await Promise.all([ada.event('votesRevealed'), bob.event('votesRevealed')]);
  await ada.command({ acceptEstimate: { storyId: added.storyIds[0], roundId, value: '8' } });
  const accepted = await bob.event('estimateAccepted');
  const leaving = [{ leaveGame: {} }, randomUUID()];
  const left = [await bob.execute(...leaving), await bob.execute(...leaving)];
  await ada.event('playerLeft');

  await Promise.all([ada.close(), bob.close()]);
  return {
    seats: [ada.report(), bob.report()],
    estimate: accepted.estimateAccepted.story.estimate.value,
    left: left.map(({ accepted: { version }, duplicate }) => ({ version, duplicate: !!duplicate })),
  };
}

const timer = setTimeout(() => {
  console.error(`nothing more came within ${TIMEOUT_MS} ms`);
  process.exit(1);
}, TIMEOUT_MS);
console.log(JSON.stringify(await play()));
clearTimeout(timer);
