// Plays with WatchEvents and Execute alone, as a browser behind a gRPC-Web proxy can:
//
//   node watch.mjs HOST:PORT PROTOS_FOLDER GAME
//
// Takes a seat and says "watching" once it has seen what was there; votes in the round
// that starts then, and prints what it was told until the game ends, half of it on a
// second watch that goes on from a cursor.

import { randomBytes, randomUUID } from 'node:crypto';
import grpc from '@grpc/grpc-js';
import protoLoader from '@grpc/proto-loader';

const [address, protos, gameId] = process.argv.slice(2);
const TIMEOUT_MS = 20_000;

const definition = await protoLoader.load('planningpoker/v1/service.proto', {
  includeDirs: [protos],
  enums: String,
  oneofs: true,
});
const { PlanningPokerService } = grpc.loadPackageDefinition(definition).planningpoker.v1;
const service = new PlanningPokerService(address, grpc.credentials.createInsecure());
const secret = randomBytes(32);
const told = [];
const kinds = [];

function execute(command, seatSecret = Buffer.alloc(0)) {
  const request = { correlationId: randomUUID(), command: { gameId, ...command }, seatSecret };
  return new Promise((resolve, reject) => {
    service.execute(request, (error, response) => {
      if (error) return reject(error);
      const { accepted, refusal } = response.result;
      return refusal ? reject(new Error(refusal.message)) : resolve(accepted);
    });
  });
}

// Each event to `take`, until that says that it has enough; then the cursor to go on from.
async function watch(cursor, take) {
  const call = service.watchEvents({ gameId, cursor });
  try {
    for await (const response of call) {
      kinds.push(response.item);
      if (response.item === 'caughtUp') console.log('watching');
      for (const { event, cursor: behind } of response.events?.events ?? []) {
        told.push({ version: event.version, name: event.event });
        if (await take(event)) return behind;
      }
    }
  } catch (error) {
    if (error.code !== grpc.status.CANCELLED) throw error;
  } finally {
    call.cancel();
  }
  throw new Error('the watch ended');
}

setTimeout(() => {
  console.error('it took too long; told:', JSON.stringify(told));
  process.exit(1);
}, TIMEOUT_MS).unref();

const { playerId } = await execute({ joinGame: { displayName: 'Node', seatSecret: secret } });
const cursor = await watch('', async (event) => {
  if (event.event !== 'roundStarted') return false;
  const { roundId } = event.roundStarted.round;
  await execute({ playerId, submitVote: { roundId, card: '8' } }, secret);
  return true;
});
await watch(cursor, async (event) => event.event === 'gameEnded');
console.log(JSON.stringify({ told, kinds: [...new Set(kinds)] }));
process.exit(0);
