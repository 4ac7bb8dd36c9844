export { ask } from './ask.js';
export {
  Bindings,
  differences,
  recordedConversations,
  type Conversation,
  type Step,
  type StepAnswer,
} from './conversation.js';
export { conversationsSuite } from './conversations-suite.js';
