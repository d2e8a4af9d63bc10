package interview

// phrasesOf holds the basics of the languages that interviews are often held
// in. What is not listed is left to punctuation.
var phrasesOf = map[string]phrases{
	"de": {
		lead: words("so also okay ok gut super prima perfekt schön danke und aber ja nein genau alles klar hm äh ähm hallo na dann sehr interessant wunderbar toll spannend"),
		skip: lines(`guten
			guten tag
			guten morgen
			wie geht
			wie war ihre anreise
			wie war ihr wochenende
			können sie mich
			hören sie mich
			sehen sie
			einen moment
			moment
			vielen
			vielen dank
			herzlich willkommen
			willkommen
			freut mich
			schön dass
			ich bin
			mein name
			ich heiße
			ich teile
			wir sind
			nehmen sie sich
			lassen sie sich
			verstehe
			macht sinn
			das macht
			fangen wir
			legen wir los
			sollen wir`),
		ask: lines(`was
			wie
			warum
			wieso
			weshalb
			wer
			wann
			wo
			woran
			womit
			wofür
			worauf
			wodurch
			welche
			welcher
			welches
			welchen
			inwiefern
			inwieweit
			können sie
			könnten sie
			haben sie
			hatten sie
			sind sie
			waren sie
			würden sie
			kennen sie
			gibt es
			erzählen sie
			erzähl
			beschreiben sie
			erklären sie
			schildern sie
			nennen sie
			stellen sie sich
			geben sie
			kannst du
			könntest du
			hast du
			bist du
			würdest du`),
		askWithin: lines(`können sie
			könnten sie
			haben sie
			würden sie
			kannst du
			könntest du
			hast du
			würdest du
			erzählen sie
			mich würde interessieren
			interessiert mich
			würde mich interessieren
			würde ich gerne
			würde gerne
			möchte gerne wissen
			und warum
			und wie
			und was`),
	},
	"fr": {
		lead: words("alors donc bon bien très ok okay d'accord merci et mais oui non euh ben voilà parfait super bonjour salut intéressant"),
		skip: lines(`comment allez-vous
			comment ça va
			ça va
			vous m'entendez
			est-ce que vous m'entendez
			vous me voyez
			un instant
			une seconde
			un moment
			merci
			bienvenue
			enchanté
			enchantée
			ravi
			ravie
			je m'appelle
			je suis
			je vais partager
			je partage
			nous sommes
			prenez votre temps
			je vois
			je comprends
			on commence
			on peut commencer
			allez-y`),
		ask: lines(`que
			quoi
			quel
			quelle
			quels
			quelles
			comment
			pourquoi
			qui
			quand
			où
			combien
			qu'est-ce
			est-ce
			pouvez-vous
			pourriez-vous
			avez-vous
			êtes-vous
			seriez-vous
			connaissez-vous
			parlez-moi
			parlez-nous
			décrivez
			décrivez-moi
			expliquez
			expliquez-moi
			racontez
			racontez-moi
			présentez-vous
			donnez-moi
			dites-moi
			peux-tu
			pourrais-tu
			as-tu`),
		askWithin: lines(`est-ce que
			qu'est-ce que
			qu'est-ce qui
			pouvez-vous
			pourriez-vous
			avez-vous
			parlez-moi
			j'aimerais savoir
			j'aimerais que vous
			je voudrais savoir
			j'aimerais comprendre
			et pourquoi
			et comment`),
	},
	"es": {
		lead: words("bueno entonces pues vale ok okay bien muy gracias y pero sí no eh perfecto genial hola claro estupendo interesante"),
		skip: lines(`cómo está
			cómo estás
			qué tal
			cómo te va
			me escucha
			me escuchas
			me oye
			me oyes
			puede oírme
			puedes oírme
			un momento
			un segundo
			muchas
			muchas gracias
			gracias
			buenos días
			días
			buenos
			buenas
			buenas tardes
			encantado
			encantada
			mucho gusto
			bienvenido
			bienvenida
			me llamo
			soy
			mi nombre
			voy a compartir
			nosotros somos
			tómese su tiempo
			tómate tu tiempo
			entiendo
			empezamos
			podemos empezar
			adelante`),
		ask: lines(`qué
			cómo
			por qué
			cuál
			cuáles
			cuándo
			dónde
			quién
			cuánto
			cuántos
			cuántas
			puede
			puedes
			podría
			podrías
			tiene
			tienes
			ha
			has
			cuénteme
			cuéntame
			cuéntenos
			hábleme
			háblame
			háblenos
			describa
			describe
			explique
			explíqueme
			explícame
			explica
			deme
			dame
			dígame
			dime
			preséntese
			preséntate`),
		askWithin: lines(`me gustaría saber
			me gustaría que
			quisiera saber
			quiero saber
			puede contarme
			puedes contarme
			podría contarme
			podrías contarme
			por qué
			y cómo
			cuál es
			cuál fue`),
	},
}
